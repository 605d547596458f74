"""Finds which lines of two texts belong together, in bounded time for any two texts."""

from bisect import bisect_left

# Of one stretch between anchors: the time of the exact search grows with the square of the edits.
EDITS_MAX = 100

# Anchors reveal more anchors between them; a text may be made so that each level reveals just one.
LEVELS_MAX = 30


def matches(before, after):
    """Pairs (i, j) with before[i] == after[j], ascending in both."""
    pairs = []
    # Stretches to compare, as half-open ranges; worked through from the front, so that pairs come out in order.
    waiting = [(0, len(before), 0, len(after), 0)]
    while waiting:
        begin, end, start, stop, level = waiting.pop()
        while begin < end and start < stop and before[begin] == after[start]:
            pairs.append((begin, start))
            begin, start = begin + 1, start + 1
        suffix = 0
        while begin < end - suffix and start < stop - suffix and before[end - suffix - 1] == after[stop - suffix - 1]:
            suffix += 1
        if suffix:
            waiting.append((end - suffix, end, stop - suffix, stop, level))
            end, stop = end - suffix, stop - suffix
        if begin == end or start == stop:
            continue
        anchors = unique_anchors(before, begin, end, after, start, stop) if level < LEVELS_MAX else []
        if not anchors:
            pairs += shortest_edit(before[begin:end], after[start:stop], begin, start)
            continue
        # Each stretch but the first begins with an anchor, which is its common beginning.
        edges = [(begin, start), *anchors, (end, stop)]
        waiting += [(i, next_i, j, next_j, level + 1) for (i, j), (next_i, next_j) in zip(edges[-2::-1], edges[:0:-1])]
    return pairs


def unique_anchors(before, begin, end, after, start, stop):
    """The longest ascending chain of pairs of lines that both stretches have once."""
    where = _unique(after, start, stop)
    candidates = [(i, where[line]) for line, i in sorted(_unique(before, begin, end).items(), key=lambda item: item[1])
                  if line in where]
    tops, places, previous = [], [], [None] * len(candidates)  # Patience sorting.
    for number, (_, j) in enumerate(candidates):
        pile = bisect_left(tops, j)
        previous[number] = places[pile - 1] if pile else None
        if pile == len(tops):
            tops.append(j)
            places.append(number)
        else:
            tops[pile], places[pile] = j, number
    chain, number = [], places[-1] if places else None
    while number is not None:
        chain.append(candidates[number])
        number = previous[number]
    return chain[::-1]


def _unique(lines, begin, end):
    """line -> index of the lines that are there once."""
    found = {}
    for i in range(begin, end):
        found[lines[i]] = i if lines[i] not in found else -1
    return {line: i for line, i in found.items() if i >= 0}


def shortest_edit(before, after, begin, start):
    """Pairs of a shortest edit (after Myers), shifted by `begin` and `start`; none when it takes more than EDITS_MAX."""
    furthest, trail = {1: 0}, []
    for edits in range(min(EDITS_MAX, len(before) + len(after)) + 1):
        trail.append(dict(furthest))
        for k in range(-edits, edits + 1, 2):
            down = k == -edits or k != edits and furthest[k - 1] < furthest[k + 1]
            i = furthest[k + 1] if down else furthest[k - 1] + 1
            j = i - k
            while i < len(before) and j < len(after) and before[i] == after[j]:
                i, j = i + 1, j + 1
            furthest[k] = i
            if i >= len(before) and j >= len(after):
                return _walk_back(trail, i, j, begin, start)
    return []


def _walk_back(trail, i, j, begin, start):
    pairs = []
    for edits in reversed(range(len(trail))):
        furthest, k = trail[edits], i - j
        down = k == -edits or k != edits and furthest[k - 1] < furthest[k + 1]
        from_k = k + 1 if down else k - 1
        from_i = furthest[from_k] if edits else 0
        from_j = from_i - from_k if edits else 0
        while i > max(from_i, 0) and j > max(from_j, 0):
            i, j = i - 1, j - 1
            pairs.append((begin + i, start + j))
        i, j = from_i, from_j
    return pairs[::-1]
