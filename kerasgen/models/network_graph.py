"""What the graph of a Functional or Sequential network says of its layers."""

import graphlib

import keras


def inputs_behind(network, index):
    """Which inputs of a network one of its outputs depends on.

    Args:
        network: Built Functional or Sequential `keras.Model`.
        index: Number of the output.

    Returns:
        Set of numbers of inputs.
    """
    seen, stack = {}, [network.outputs[index]]
    while stack:
        tensor = stack.pop()
        if id(tensor) in seen:
            continue
        seen[id(tensor)] = tensor
        operation, node_index, tensor_index = tensor._keras_history
        parents = operation._inbound_nodes[node_index].input_tensors
        if names_inside(operation) and len(operation.inputs) == len(parents):
            parents = [parents[i] for i in inputs_behind(operation, tensor_index)]
        stack += parents
    return {i for i, tensor in enumerate(network.inputs) if id(tensor) in seen}


def tensors_by_layer(network):
    """Dict of layer name to its symbolic output on the way from samples to outputs.

    Not `layer.output`: a network that was loaded has the nodes of an earlier build too,
    through which the layers would run twice.

    Args:
        network: Built Functional or Sequential `keras.Model`, samples its first input.
    """
    made, stack, parents = {}, list(network.outputs), {}
    while stack:
        tensor = stack.pop()
        layer, node_index, _ = tensor._keras_history
        if layer.name not in made:
            made[layer.name] = tensor
            parents[layer.name] = layer._inbound_nodes[node_index].input_tensors
            stack += parents[layer.name]

    samples = network.inputs[0]._keras_history[0].name
    # Parents before children.
    sees_samples = {samples}
    for name in _from_first_to_last(parents):
        if any(t._keras_history[0].name in sees_samples for t in parents[name]):
            sees_samples.add(name)
    return {name: tensor for name, tensor in made.items() if name in sees_samples}


def _from_first_to_last(parents):
    graph = {
        name: {tensor._keras_history[0].name for tensor in tensors}
        for name, tensors in parents.items()
    }
    return graphlib.TopologicalSorter(graph).static_order()


def names_inside(layer):
    """Names of the layers of a model that has a graph, and of those inside them.

    Args:
        layer: Any layer; one that is no such model has none.
    """
    if not isinstance(layer, keras.Model) or not getattr(layer, "inputs", None):
        return []
    names = [inner.name for inner in layer.layers]
    return names + [name for inner in layer.layers for name in names_inside(inner)]


def with_features(network, names):
    """A model of a network's outputs and of layers' outputs, in nested models too.

    Keras gives the outputs of a nested model's layers for its own inputs only: the
    network's graph is run through again, with a model of such outputs in its place.

    Args:
        network: Built Functional or Sequential `keras.Model`.
        names: List of names of layers of the network, or of models inside it.

    Returns:
        `keras.Model` of the network's inputs. Its outputs are those of the network, in
        their structure, and behind them one for each name.
    """
    if isinstance(network, keras.Sequential):
        graph = keras.Model(network.inputs[0], network.outputs[0])
    else:
        graph = keras.Model(network.input, network.output)
    outside = [name for name in names if name in {op.name for op in graph.operations}]
    made = {}

    def call(layer, *arguments, **options):
        inside = [*names_inside(layer)]
        deeper = [n for n in names if n in inside and n not in outside]
        if deeper:
            model = with_features(layer, deeper)
            result, *features = model(*arguments, **options)
            made.update(zip(deeper, features, strict=True))
        else:
            result = layer(*arguments, **options)
        if layer.name in outside:
            made[layer.name] = result
        return result

    run = keras.models.clone_model(
        graph, graph.input, clone_function=lambda layer: layer, call_function=call
    )
    return keras.Model(run.input, [run.output, *(made[name] for name in names)])
