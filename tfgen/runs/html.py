"""HTML of a run or a comparison, for notebooks: numbers, notes and pictures, with every text escaped."""

from __future__ import annotations

import base64
import html
from pathlib import Path

from tfgen.errors import RunError
from tfgen.metrics.metric import metrics_from_json
from tfgen.metrics.rounding import measured
from tfgen.printed import escaped
from tfgen.runs.comparison import Comparison
from tfgen.runs.comparison_table import text_table
from tfgen.runs.folder import RunFolder
from tfgen.runs.notes import notes_of

#: Pictures that are shown, in this order, if they are there.
_PICTURES = ("samples_after.png", "curves.png", "density.png", "inpainting.png")
_MOST_BYTES = 2_000_000  # of a picture; a notebook keeps it in its file


def html_of_run(files: RunFolder) -> str:
    """Return the table of a run's metrics, notes on what spoils them, and its pictures as HTML.

    Raises:
        RunError: when a file of the run is damaged; names it.
    """
    config = files.read_config()
    parts = [f"<h4>{_safe(files.name)}</h4>", f"<p>{_safe(config['model'])} on {_safe(config['data'])}</p>"]
    if not files.finished:
        return "".join([*parts, f"<p>unfinished; go on with: <code>{_safe(files.command('resume'))}</code></p>"])
    results = files.read_results()
    rows = [
        f"<tr><td>{_safe(split)}</td><td>{_safe(name)}</td>"
        f"<td>{_safe(measured(metric.value, metric.standard_error))}</td><td>{_safe(metric.unit)}</td></tr>"
        for split in ("test", "valid", "train")
        for name, metric in metrics_from_json(results.get(split, {})).items()
    ]
    if rows:
        head = "<tr><th>split</th><th>metric</th><th>value</th><th>unit</th></tr>"
        parts.append(f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>")
    parts += [f"<p><b>{_safe(note.about)}</b>: {_safe(note.text)}</p>" for note in notes_of(results)]
    parts += [_image(files.figures / name) for name in _PICTURES]
    return "".join(parts)


def short_html_of_run(files: RunFolder) -> str:
    """Return `html_of_run`, or one line where a file of the run is damaged."""
    try:
        return html_of_run(files)
    except RunError as error:
        return f"<p>{_safe(str(error))}</p>"


def html_of_comparison(comparison: Comparison) -> str:
    """Return the table of a comparison and its notes as HTML."""
    table = text_table(comparison)
    head = "".join(f"<th>{_lines(heading)}</th>" for heading in table.headings)
    rows = "".join(f"<tr>{''.join(f'<td>{_lines(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    legend = "".join(f"<p>{_safe(line)}</p>" for line in table.legend)
    notes = "".join(f"<p><small>{_safe(note)}</small></p>" for note in table.notes)
    return f"{legend}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{notes}"


def _lines(text: str) -> str:
    return "<br>".join(map(_safe, text.split("\n")))


def _safe(text: object) -> str:
    return html.escape(escaped(str(text)))


def _image(path: Path) -> str:
    """Return a picture as an element, with its content in it; nothing where it is not there or too large."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return ""
        content = base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError:
        return ""
    name = _safe(path.stem.replace("_", " "))
    return (
        f'<figure style="display: inline-block; margin: 0.5em"><img alt="{name}" style="max-width: 28em" '
        f'src="data:image/png;base64,{content}"><figcaption>{name}</figcaption></figure>'
    )
