"""The build itself must refuse an include that the link graph does not allow."""

import os
import pathlib
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ["SKILLSCALE_SOURCE"])

# Who may include whom, as docs/architecture.md draws it. Said here once more, so
# that a new link in CMakeLists.txt fails until somebody has thought about it.
MAY_INCLUDE = {
    "base": {"base"},
    "os": {"base", "os"},
    "protocol": {"base", "protocol"},
    "bus": {"base", "os", "protocol", "bus"},
    "daemon": {"base", "os", "protocol", "bus", "daemon"},
    "proxy": {"base", "os", "protocol", "bus", "daemon", "proxy"},
    "skills": {"base", "os", "protocol", "skills"},
    "engine": {"base", "os", "protocol", "bus", "daemon", "skills", "engine"},
    "skill-server": {"base", "os", "protocol", "bus", "daemon", "skills", "engine", "skill-server"},
    "agent-client": {"base", "os", "protocol", "bus", "daemon", "agent-client"},
}
FOLDERS = {
    "proxy": "proxy", "skill-server": "skill-server", "skills": "skill-server/skills", "engine": "skill-server/engine", "agent-client": "agent-client/src",
    **{name: f"core/{name}" for name in ("base", "os", "protocol", "bus", "daemon")},
}


def include_directories():
    """What CMake gives to a target that links the library, by library."""
    lines = pathlib.Path(os.environ["SKILLSCALE_VIEWS"]).read_text().splitlines()
    return {name: paths.split(":") for name, paths in (line.split("=", 1) for line in lines if line)}


def a_header_of(library):
    """One header of the library as others include it, or None when it has none."""
    headers = sorted(path.name for path in (SOURCE / FOLDERS[library]).glob("*.h"))
    return f"{library}/{headers[0]}" if headers else None


def compile_in_view_of(library, headers):
    """The compiler's exit status and messages for a file that includes the headers."""
    code = "".join(f'#include "{header}"\n' for header in headers)
    flags = [flag for path in include_directories()[library] if path for flag in ("-I", path)]
    command = [os.environ["SKILLSCALE_CXX"], "-std=c++20", "-fsyntax-only", *flags, "-x", "c++", "-"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, timeout=60, cwd="/")
    return done.returncode, done.stderr


class LinkGraphTest(unittest.TestCase):
    def test_what_is_allowed_compiles(self):
        for library, allowed in MAY_INCLUDE.items():
            headers = [header for header in map(a_header_of, sorted(allowed)) if header]
            with self.subTest(library=library, headers=headers):
                status, messages = compile_in_view_of(library, headers)
                self.assertEqual(status, 0, messages)

    def test_what_is_forbidden_does_not_compile(self):
        for library, allowed in MAY_INCLUDE.items():
            for other in sorted(set(MAY_INCLUDE) - allowed):
                header = a_header_of(other)
                if header is None:
                    continue
                with self.subTest(library=library, header=header):
                    status, messages = compile_in_view_of(library, [header])
                    self.assertNotEqual(status, 0, f"{library} can include {header}")
                    self.assertIn(f"{header}: No such file", messages)

    def test_base_cannot_include_the_configuration_of_daemons(self):
        status, messages = compile_in_view_of("base", ["daemon/config.h"])
        self.assertNotEqual(status, 0)
        self.assertIn("daemon/config.h: No such file", messages)


if __name__ == "__main__":
    unittest.main()
