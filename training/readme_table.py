"""Writes the README's table of presets from their cards.

python -m training.readme_table
"""

from pathlib import Path

from kerasgen.files import write_atomically
from kerasgen.presets import list_presets, preset_card

README = Path(__file__).parent.parent / "README.md"
START = "<!-- presets: made by training/readme_table.py -->"
END = "<!-- end of presets -->"


def render_table():
    """The table of all presets, in Markdown."""
    lines = ["| preset | model | family | paper | measured | protocol |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for name in list_presets():
        card = preset_card(name)
        link = f"[`{name}`](zoo/{name}/README.md)"
        start = [link, card["description"], card["family"], card["paper"] or ""]
        for metric, entry in card["metrics"].items():
            cells = [*start, f"{metric} {entry['value']}", entry["protocol"]]
            lines.append(f"| {' | '.join(cells)} |")
            start = ["", "", "", ""]
    return "\n".join(lines)


def main():
    """Replaces the table between the two markers."""
    before, _, rest = README.read_text().partition(START)
    _, _, after = rest.partition(END)
    page = f"{before}{START}\n{render_table()}\n{END}{after}"
    write_atomically(README, page.encode())


if __name__ == "__main__":
    main()
