"""What a Python skill may import while SkillScale runs it.

    from skillscale import progress, skill

    @skill
    def run(input):
        progress(0.5, "half of it")
        return {"rows": 3}

Both do nothing elsewhere, so that a skill can be tried without SkillScale.
"""

import json
import os


def skill(function=None, **metadata):
    """Marks the function that is the skill: `@skill` or `@skill(name="...")`."""

    def mark(marked):
        marked._skill_metadata = metadata
        return marked

    return mark if function is None else mark(function)


def progress(fraction, message=""):
    """Says how much of the work is done, from 0 to 1, to whoever listens."""
    descriptor = os.environ.get("SKILLSCALE_EVENTS_FD")
    if not descriptor:
        return
    line = json.dumps({"progress": min(max(float(fraction), 0.0), 1.0), "message": str(message)}) + "\n"
    try:
        os.write(int(descriptor), line.encode())
    except (OSError, ValueError):
        pass  # Nobody listens any more; the work goes on.
