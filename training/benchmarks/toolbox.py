"""One table of the adversarial toolbox: each part, its paper, and its measured effect.

    python -m training.benchmarks.toolbox

Effects are those of results/mode_coverage.md (points in a plane: modes of 8 on a ring,
of 25 on a grid, and quality, the share of samples within 3 std of a mode; medians of
three seeds) and of results/image_techniques.md (a small DCGAN of Fashion-MNIST: FID,
and the share of samples of the class that was asked for; means of three seeds). What a
paper says of its part stands beside a comparison of two variants, of points on the ring
and on the grid: "yes" where the difference has the paper's sign and the seeds' ranges
do not overlap, "no" where it has the other sign and they do not, "not seen" otherwise,
ties among them: where the other variant covers every mode, none can cover more. "mixed"
is yes on one data set and no on the other. Words such as stable are read as modes
covered, and better samples as quality. The scale is that of students' machines,
settings were not tuned, and a "no" says nothing of other scales. The table lands in
results/toolbox.md.
"""

import json
import statistics

from . import adversarial_examples, image_techniques, mode_coverage
from .kept_runs import RESULTS
from .mode_variants import LOSSES, STABILISERS
from .toolbox_parts import ATTACKS, IMAGES, KINDS, POINTS, PROBES

# Name: text of the values, whether more is better.
MEASURES = {
    "modes": ("{:g} modes", True),
    "quality": ("quality {:.2f}", True),
    "fid": ("FID {:.1f}", False),
    "agreement": ("agreement {:.1%}", True),
}
VERDICTS = ("yes", "no", "mixed", "not seen")
# Of the attack that the table shows; the page of the benchmark has the others.
GREY_LEVELS = 2


class Results:
    """Results of the benchmarks that measure parts of the toolbox.

    Args:
        runs: Dict of a benchmark's name to the content of its JSON file.
    """

    def __init__(self, runs):
        self.runs = runs

    def values(self, benchmark, name, measure, data=None):
        """A measure of the seeds of one variant."""
        if benchmark == POINTS:
            names = [f"{name}/{data}/{seed}" for seed in mode_coverage.SEEDS]
        else:
            names = [f"{name}/{seed}" for seed in image_techniques.SEEDS]
        runs = [self.runs[benchmark][name] for name in names]
        return [run[measure] for run in runs if measure in run]

    def effect(self, variant):
        """The cell of a part's own figures."""
        if variant is None:
            return ""
        benchmark, name = variant
        if benchmark == POINTS:
            return "; ".join(self.points(name, data) for data in ("ring", "grid"))
        if benchmark == IMAGES:
            fid, agreement = (
                self.values(IMAGES, name, measure) for measure in ("fid", "agreement")
            )
            share = f", {statistics.mean(agreement):.1%} as asked" if agreement else ""
            return f"FID {statistics.mean(fid):.1f}{share}"
        return {PROBES: self.probe, ATTACKS: self.attack}[benchmark]()

    def points(self, name, data):
        """Modes and quality on one of the sets of points."""
        modes, quality = (
            statistics.median(self.values(POINTS, name, measure, data))
            for measure in ("modes", "quality")
        )
        return f"{data} {modes:g}, quality {quality:.2f}"

    def probe(self):
        """Accuracy of the linear probe on each kind of features."""
        rows = [
            f"{row['features']}: {row['few_mean']:.1%}" for row in self.runs[PROBES]
        ]
        return "accuracy with 1,000 labels; " + "; ".join(rows)

    def attack(self):
        """Share told under attack, of reals and fakes, for each kind of labels."""
        column = adversarial_examples.GREY_LEVELS.index(GREY_LEVELS)
        shares = []
        for name in adversarial_examples.VARIANTS:
            runs = [self.runs[ATTACKS][f"{name}/{s}"] for s in image_techniques.SEEDS]
            share = statistics.mean(statistics.mean(run[column]) for run in runs)
            shares.append(f"{name}: {share:.1%}")
        return f"told when moved by {GREY_LEVELS} / 255; " + "; ".join(shares)

    def verdict(self, part):
        """(the paper's statement, whether it is seen here, the two values)."""
        if part.claim is None:
            return "", "", ""
        text, measure, than = part.claim
        benchmark, name = part.variant
        wording, more_is_better = MEASURES[measure]
        middle = statistics.median if benchmark == POINTS else statistics.mean
        seen, pairs = {}, []
        for data in ("ring", "grid") if benchmark == POINTS else ("images",):
            sides = [self.values(benchmark, v, measure, data) for v in (name, than)]
            seen[data] = compare(*sides if more_is_better else reversed(sides))
            pairs.append(
                " against ".join(wording.format(middle(side)) for side in sides)
            )
        other = than.split("/", 1)[-1] if benchmark == POINTS else than
        against = "nothing" if other == "none" else other
        return text, join_verdicts(seen), f"{'; '.join(pairs)} ({against})"


def compare(own, other):
    """Whether all seeds of one side have more than all of the other."""
    if min(own) > max(other):
        return "yes"
    return "no" if max(own) < min(other) else "not seen"


def join_verdicts(seen):
    """One verdict of those on several data sets, a dict by name."""
    found = set(seen.values()) - {"not seen"}
    if not found:
        return "not seen"
    joined = found.pop() if len(found) == 1 else "mixed"
    if len(set(seen.values())) == 1:
        return joined
    return f"{joined} ({', '.join(f'{data} {v}' for data, v in seen.items())})"


def paper_of(part):
    """The paper of a part; that of its variant where it has one."""
    if part.variant is None:
        return part.paper
    benchmark, name = part.variant
    if benchmark in (PROBES, ATTACKS):
        return part.paper
    if benchmark == IMAGES:
        return image_techniques.VARIANTS[name][2]
    group, name = name.split("/", 1)
    return {"losses": LOSSES, "stabilisers": STABILISERS}[group][name][1]


def render(runs):
    """The table in Markdown; see `Results`."""
    results = Results(runs)
    lines = [
        "# The adversarial toolbox",
        "",
        "`python -m training.benchmarks.toolbox`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
    ]
    counts = dict.fromkeys(VERDICTS, 0)
    for kind, parts in KINDS.items():
        lines += [
            "",
            f"## {kind}",
            "",
            "| part | code | paper | measured | the paper says | seen here | values "
            "| remark |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for part in parts:
            text, seen, values = results.verdict(part)
            if seen:
                counts[seen.partition(" (")[0]] += 1
            effect = results.effect(part.variant)
            cells = [part.name, f"`{part.code}`", paper_of(part), effect, text]
            lines.append(f"| {' | '.join([*cells, seen, values, part.remark])} |")
    total = ", ".join(f"{name} {number}" for name, number in counts.items())
    lines += ["", f"Statements of papers, seen here: {total}."]
    return "\n".join(lines) + "\n"


def load_all():
    """Dict of each benchmark's name to the content of its JSON file."""
    return {
        name: json.loads((RESULTS / f"{name}.json").read_text())
        for name in (POINTS, IMAGES, PROBES, ATTACKS)
    }


def main():
    """Writes the table from the results."""
    (RESULTS / "toolbox.md").write_text(render(load_all()))


if __name__ == "__main__":
    main()
