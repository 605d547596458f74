"""Runs the function of one skill, once: `python3 skillscale_shim.py CALL_FILE`."""

import json
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
if sys.path and sys.path[0] == _here:  # A skill's own modules go before ours.
    sys.path.append(sys.path.pop(0))
sys.dont_write_bytecode = True

import skillscale_function  # noqa: E402


def print_failure(error):
    """The traceback without the frames above the skill's own."""
    import traceback

    if isinstance(error, skillscale_function.SkillError):
        print(error, file=sys.stderr)
        return
    frames = error.__traceback__
    while frames and _is_ours(frames):
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames or error.__traceback__)


def _is_ours(frame):
    file = frame.tb_frame.f_code.co_filename
    return file.startswith(_here + os.sep) or file.startswith("<frozen importlib")


def write_result(result):
    descriptor = os.environ.get("SKILLSCALE_RESULT_FD")
    if not descriptor:
        return
    data = memoryview(skillscale_function.encode_result(result))
    while data:
        data = data[os.write(int(descriptor), data) :]


def main(call_file):
    with open(call_file, encoding="utf-8") as file:
        call = json.load(file)
    os.unlink(call_file)
    if "SKILLSCALE_RESULT_FD" in os.environ:  # The processes that the skill starts have no result.
        os.set_inheritable(int(os.environ["SKILLSCALE_RESULT_FD"]), False)
    sys.argv = [call.get("file") or call.get("module") or ""]
    try:
        write_result(skillscale_function.call_function(skillscale_function.load_function(call), call))
    except Exception as error:  # Whatever the skill raises ends here.
        print_failure(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
