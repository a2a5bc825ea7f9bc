"""One table of the adversarial toolbox: each part, its paper, and its measured effect.

    python -m training.benchmarks.toolbox

Effects are those of results/mode_coverage.md (points in a plane: modes of 8 on a ring,
of 25 on a grid, and quality, the share of the grid's samples within 3 std of a mode;
medians of three seeds) and of results/image_techniques.md (a small DCGAN of
Fashion-MNIST: FID, and the share of samples of the class that was asked for; means of
three seeds). What a paper says of its part stands beside a comparison of two variants:
"yes" where the difference has the paper's sign and the seeds' ranges do not overlap,
"no" where it has the other sign and they do not, "not seen" otherwise, ties among them:
where the other variant covers every mode, none can cover more. The scale is
that of students' machines, settings were not tuned, and a "no" says nothing of other
scales. The table lands in results/toolbox.md.
"""

import statistics

from . import image_techniques, mode_coverage
from .kept_runs import RESULTS, load_runs
from .mode_variants import LOSSES, STABILISERS
from .toolbox_parts import IMAGES, KINDS, POINTS

# Name: text of the values, whether more is better.
MEASURES = {
    "modes": ("{:g} modes of the grid", True),
    "quality": ("quality {:.2f}", True),
    "fid": ("FID {:.1f}", False),
    "agreement": ("agreement {:.1%}", True),
}


class Results:
    """Runs of both benchmarks."""

    def __init__(self, points, images):
        self.points, self.images = points, images

    def values(self, measure, name):
        """A measure of the seeds of one variant."""
        if measure in ("modes", "quality"):
            runs = (self.points[f"{name}/grid/{s}"] for s in mode_coverage.SEEDS)
        else:
            runs = (self.images[f"{name}/{s}"] for s in image_techniques.SEEDS)
        return [run[measure] for run in runs if measure in run]

    def effect(self, variant):
        """The cell of a part's own figures."""
        if variant is None:
            return ""
        benchmark, name = variant
        if benchmark == IMAGES:
            fid, agreement = self.values("fid", name), self.values("agreement", name)
            share = f", {statistics.mean(agreement):.1%} as asked" if agreement else ""
            return f"FID {statistics.mean(fid):.1f}{share}"
        ring = [self.points[f"{name}/ring/{s}"]["modes"] for s in mode_coverage.SEEDS]
        return (
            f"ring {statistics.median(ring):g}, grid "
            f"{statistics.median(self.values('modes', name)):g}, quality "
            f"{statistics.median(self.values('quality', name)):.2f}"
        )

    def verdict(self, part):
        """(the paper's statement, whether it is seen here, the two values)."""
        if part.claim is None:
            return "", "", ""
        text, measure, than = part.claim
        own, other = self.values(measure, part.variant[1]), self.values(measure, than)
        wording, more_is_better = MEASURES[measure]
        sign = 1 if more_is_better else -1
        ours, theirs = ([sign * value for value in side] for side in (own, other))
        if min(ours) > max(theirs):
            seen = "yes"
        elif max(ours) < min(theirs):
            seen = "no"
        else:
            seen = "not seen"
        middle = statistics.median if part.variant[0] == POINTS else statistics.mean
        name = than.split("/", 1)[-1] if part.variant[0] == POINTS else than
        against = "nothing" if name == "none" else name
        values = f"{wording.format(middle(own))}, {wording.format(middle(other))}"
        return text, seen, f"{values} ({against})"


def paper_of(part):
    """The paper of a part; that of its variant where it has one."""
    if part.variant is None:
        return part.paper
    benchmark, name = part.variant
    if benchmark == IMAGES:
        return image_techniques.VARIANTS[name][2]
    group, name = name.split("/", 1)
    return {"losses": LOSSES, "stabilisers": STABILISERS}[group][name][1]


def render(points, images):
    """The table in Markdown.

    Args:
        points: Content of mode_coverage.json.
        images: Content of image_techniques.json.
    """
    results = Results(points, images)
    lines = [
        "# The adversarial toolbox",
        "",
        "`python -m training.benchmarks.toolbox`",
        "",
        __doc__.split("\n\n")[2].replace("\n", " "),
    ]
    counts = {"yes": 0, "no": 0, "not seen": 0}
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
                counts[seen] += 1
            effect = results.effect(part.variant)
            cells = [part.name, f"`{part.code}`", paper_of(part), effect, text]
            lines.append(f"| {' | '.join([*cells, seen, values, part.remark])} |")
    total = ", ".join(f"{name} {number}" for name, number in counts.items())
    lines += ["", f"Statements of papers, seen here: {total}."]
    return "\n".join(lines) + "\n"


def main():
    """Writes the table from the results."""
    points, images = (load_runs(RESULTS / f"{name}.json") for name in (POINTS, IMAGES))
    (RESULTS / "toolbox.md").write_text(render(points, images))


if __name__ == "__main__":
    main()
