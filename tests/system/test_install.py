"""What `cmake --install` puts in place is complete: programs run, and another project builds with the client."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import SystemTest

BUILD = pathlib.Path(os.environ["SKILLSCALE_BUILD"])

CONSUMER = r"""
#include <skillscale/agent_client.h>

#include <iostream>

// Publishes argv[3] to argv[4] through the proxy at argv[1], argv[2], and prints the reply.
int main(int, char** argv) {
  skillscale::agent::ClientOptions options;
  options.proxies = {{argv[1], argv[2]}};
  skillscale::agent::Client client(options);
  skillscale::agent::IntentOptions intent;
  intent.skill = "echo";
  intent.data = argv[3];
  auto pending = client.publish(argv[4], "say it again", intent);
  const skillscale::agent::Reply& reply = pending.get();
  std::cout << (reply.success ? reply.content : reply.code + ": " + reply.error);
  return reply.success ? 0 : 1;
}
"""

CONSUMER_CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(consumer CXX)
find_package(SkillScale 0.1 REQUIRED)
add_executable(consumer consumer.cpp)
target_link_libraries(consumer PRIVATE SkillScale::client)
"""


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL,
                          **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class InstallTest(SystemTest):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="skillscale-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.prefix = cls.work / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        (cls.work / "consumer.cpp").write_text(CONSUMER)
        (cls.work / "CMakeLists.txt").write_text(CONSUMER_CMAKE)

    def one(self, pattern):
        found = list(self.prefix.glob(pattern))
        self.assertEqual(len(found), 1, f"{pattern}: {found}")
        return found[0]

    def check_consumer(self, program):
        self.cluster.add_skill("echo", "cat")
        proxy = self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_X")
        self.assertEqual(run(program, proxy.xsub, proxy.xpub, "hello from outside", "TOPIC_X"), "hello from outside")

    def test_everything_is_in_its_usual_place(self):
        for name in ("skillscale", "skillscale_proxy", "skillscale_skill_server"):
            self.assertIn("0.1.0", run(self.prefix / "bin" / name, "--version"))
        for pattern in ("include/skillscale/agent_client.h", "lib*/**/libskillscale_client.a", "etc/skillscale/proxy.yaml",
                        "etc/skillscale/skill-server.yaml", "share/skillscale/skills/data-processing/csv-analyzer/SKILL.md",
                        "share/doc/*/LICENSE"):
            self.one(pattern)
        self.assertEqual([path for path in self.prefix.rglob("*.h") if path.name != "agent_client.h"], [], "one public header")

    def test_the_installed_skills_are_valid_and_their_scripts_executable_as_in_the_source(self):
        listed = run(self.prefix / "bin/skillscale", "skills", "list", self.prefix / "share/skillscale/skills")
        for name in ("csv-analyzer", "text-summarizer", "code-complexity"):
            self.assertIn(name, listed)

    def test_the_installed_configuration_is_accepted(self):
        etc = self.prefix / "etc/skillscale"
        proxy = self.cluster.start_proxy("--config", etc / "proxy.yaml")
        self.cluster.start_server("TOPIC_X", "--config", etc / "skill-server.yaml")
        self.cluster.members("TOPIC_X", 1)
        self.assertTrue(proxy.is_running())

    def test_a_project_finds_the_client_with_find_package(self):
        folder = self.work / "build"
        run("cmake", "-S", self.work, "-B", folder, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", folder)
        self.check_consumer(folder / "consumer")

    def test_a_project_finds_the_client_with_pkg_config(self):
        folder = self.one("lib*/**/skillscale.pc").parent
        environment = {**os.environ, "PKG_CONFIG_PATH": str(folder)}
        flags = run("pkg-config", "--cflags", "--libs", "skillscale", env=environment).split()
        program = self.work / "by-pkg-config"
        run("g++", "-std=c++20", self.work / "consumer.cpp", "-o", program, *flags)
        self.check_consumer(program)


if __name__ == "__main__":
    unittest.main()
