"""Writes the differences of two texts as a unified diff."""

NO_NEWLINE = "\n\\ No newline at end of file\n"


def unified_diff(before, after, pairs, context, before_name, after_name):
    """The diff of two lists of lines of which `pairs` belong together; empty when there is no difference."""
    gaps = list(_gaps(before, after, pairs))
    if not gaps:
        return ""
    parts = [f"--- {before_name}\n+++ {after_name}\n"]
    for hunk in _hunks(gaps, 2 * context):
        begin, start = max(0, hunk[0][0] - context), max(0, hunk[0][2] - context)
        # Matching lines run in step before, between and after the gaps.
        lead = min(hunk[0][0] - begin, hunk[0][2] - start)
        begin, start = hunk[0][0] - lead, hunk[0][2] - lead
        tail = min(context, len(before) - hunk[-1][1], len(after) - hunk[-1][3])
        end, stop = hunk[-1][1] + tail, hunk[-1][3] + tail
        parts.append(f"@@ -{_range(begin, end)} +{_range(start, stop)} @@\n")
        at = begin
        for gap_begin, gap_end, gap_start, gap_stop in hunk:
            parts += [_line(" ", line) for line in before[at:gap_begin]]
            parts += [_line("-", line) for line in before[gap_begin:gap_end]]
            parts += [_line("+", line) for line in after[gap_start:gap_stop]]
            at = gap_end
        parts += [_line(" ", line) for line in before[at:end]]
    return "".join(parts)


def _gaps(before, after, pairs):
    """Ranges (begin, end, start, stop) of lines without a partner."""
    i = j = 0
    for next_i, next_j in [*pairs, (len(before), len(after))]:
        if next_i > i or next_j > j:
            yield i, next_i, j, next_j
        i, j = next_i + 1, next_j + 1


def _hunks(gaps, near):
    """Groups gaps that have at most `near` matching lines between them."""
    hunk = [gaps[0]]
    for gap in gaps[1:]:
        if gap[0] - hunk[-1][1] > near:
            yield hunk
            hunk = []
        hunk.append(gap)
    yield hunk


def _range(begin, end):
    """As diff(1) has it: lines count from 1, an empty range names the line before it."""
    count = end - begin
    return f"{begin + 1 if count else begin},{count}" if count != 1 else f"{begin + 1}"


def _line(mark, line):
    return mark + line if line.endswith("\n") else mark + line + NO_NEWLINE
