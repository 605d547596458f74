"""Tests of the archive-tool skill: its functions, and its scripts as child processes."""

import gzip
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path

SKILL = Path(__file__).resolve().parent.parent
SCRIPTS = SKILL / "scripts"
sys.path.insert(0, str(SCRIPTS))

from archives import ArchiveError, format_of_name, safe_parts
from unpack import default_folder

DEADLINE_SECONDS = 60
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class ArchiveCase(unittest.TestCase):
    """A fresh working folder with the sample in it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        shutil.copytree(SKILL / "assets" / "sample", self.folder / "sample")

    def run_script(self, name, *argv, **environment):
        """Returns (status, stdout, stderr)."""
        env = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment}
        done = subprocess.run([str(SCRIPTS / name), *argv], cwd=self.folder, env=env, capture_output=True,
                              timeout=DEADLINE_SECONDS)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def pack(self, *argv, **environment):
        return self.run_script("pack.py", *argv, **environment)

    def unpack(self, *argv):
        return self.run_script("unpack.py", *argv)

    def write_zip(self, *entries):
        """Makes bad.zip of (name or ZipInfo, content) pairs."""
        with zipfile.ZipFile(self.folder / "bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries:
                archive.writestr(name, content)

    def write_tar(self, *entries):
        """Makes bad.tar of (TarInfo, content) pairs."""
        with tarfile.open(self.folder / "bad.tar", "w") as archive:
            for info, content in entries:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))

    def assert_refused(self, archive, pattern):
        """Unpacking says why and leaves nothing behind, in the folder or above it."""
        before = sorted(os.listdir(self.folder)), sorted(os.listdir(self.folder.parent))
        status, out, err = self.unpack(archive, "--into", "out")
        self.assertEqual((status, out), (1, ""), err)
        self.assertRegex(err, pattern)
        self.assertNotIn("Traceback", err)
        self.assertEqual(sorted(os.listdir(self.folder)), before[0])


class RoundTripTest(ArchiveCase):
    def test_every_format(self):
        (self.folder / "sample" / "run.sh").write_text("#!/bin/sh\n")
        (self.folder / "sample" / "run.sh").chmod(0o4775)
        (self.folder / "sample" / "größe").mkdir()
        for suffix in SUFFIXES:
            name = "packed" + suffix
            status, out, err = self.pack(name, "sample")
            self.assertEqual((status, err), (0, ""), name)
            self.assertIn("sample/notes.md", out)
            status, out, err = self.unpack(name)
            self.assertEqual((status, err), (0, ""), name)
            opened = self.folder / "packed" / "sample"
            self.assertEqual((opened / "notes.md").read_bytes(), (SKILL / "assets/sample/notes.md").read_bytes())
            self.assertTrue((opened / "figures" / "sales.csv").is_file())
            self.assertTrue((opened / "größe").is_dir())
            self.assertEqual(stat.S_IMODE((opened / "run.sh").stat().st_mode), 0o755)
            shutil.rmtree(self.folder / "packed")

    def test_same_content_gives_same_bytes(self):
        for suffix in SUFFIXES:
            self.pack("one" + suffix, "sample")
            os.utime(self.folder / "sample" / "notes.md", (1, 1))
            self.pack("two" + suffix, "sample/figures", "sample", "sample/notes.md")
            self.assertEqual((self.folder / ("one" + suffix)).read_bytes(), (self.folder / ("two" + suffix)).read_bytes())

    def test_list_writes_nothing(self):
        self.pack("a.zip", "sample")
        before = sorted(os.listdir(self.folder))
        status, out, _ = self.unpack("a.zip", "--list")
        self.assertEqual(status, 0)
        self.assertIn("4 entries", out)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_wrong_suffix_does_not_matter_for_reading(self):
        self.pack("a.tar.xz", "sample")
        os.rename(self.folder / "a.tar.xz", self.folder / "b.zip")
        self.assertEqual(self.unpack("b.zip", "--list")[0], 0)

    def test_packing_the_working_folder_leaves_the_archive_out(self):
        self.pack("a.zip", ".")
        status, out, _ = self.pack("a.zip", ".", "--force")
        self.assertEqual(status, 0)
        self.assertNotIn("| a.zip", out)


    def test_packing_a_run_folder_leaves_out_what_the_runner_put_there(self):
        for name in (".home", ".tmp"):
            (self.folder / name).mkdir()
        (self.folder / ".intent").write_text("secret")
        (self.folder / ".keep").write_text("")
        for name in ("scripts", "assets", "SKILL.md"):
            (self.folder / name).symlink_to(SKILL / name)
        runner = {"HOME": f"{self.folder}/.home", "TMPDIR": f"{self.folder}/.tmp",
                  "SKILLSCALE_INTENT_FILE": f"{self.folder}/.intent"}
        status, out, err = self.pack("a.zip", ".", **runner)
        self.assertEqual((status, err), (0, ""))
        with zipfile.ZipFile(self.folder / "a.zip") as archive:
            self.assertEqual(archive.namelist(), [".keep", "sample/", "sample/figures/", "sample/figures/sales.csv",
                                                  "sample/notes.md"])
        self.assertRegex(self.pack("b.zip", "scripts", **runner)[2], "no links")  # Asked for by name: said, not left out.

    def test_only_some_files(self):
        self.pack("a.zip", "sample")
        status, out, err = self.unpack("a.zip", "--into", "one", "--only", "*.csv")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("1 entries, 63 bytes", out)
        self.assertEqual([str(p.relative_to(self.folder)) for p in sorted((self.folder / "one").rglob("*")) if p.is_file()],
                         ["one/sample/figures/sales.csv"])
        self.assertEqual(self.unpack("a.zip", "--into", "two", "--only", "sample/n*", "--only", "nothing")[0], 0)
        status, _, err = self.unpack("a.zip", "--into", "three", "--only", "[")
        self.assertEqual((status, err), (1, "error: no file in it is called [\n"))
        self.assertFalse((self.folder / "three").exists())


class PackTest(ArchiveCase):
    def test_refusals(self):
        os.symlink("/etc/passwd", self.folder / "link")
        os.mkfifo(self.folder / "pipe")
        for argv, pattern in (
            (("a.zip", "link"), "no links"), (("a.zip", "pipe"), "no links"), (("a.zip", "../x"), "leads out"),
            (("a.zip", "/etc/passwd"), "relative"), (("a.rar", "sample"), "must end with"),
            (("a.zip", "missing"), "missing: No such file"), (("sample/none/a.zip", "sample"), "No such file"),
        ):
            status, out, err = self.pack(*argv)
            self.assertEqual((status, out), (1, ""), argv)
            self.assertRegex(err, pattern)
            self.assertFalse((self.folder / "a.zip").exists())
            self.assertFalse((self.folder / "a.zip.partial").exists())

    def test_existing_archive_needs_force(self):
        self.pack("a.zip", "sample")
        self.assertIn("--force", self.pack("a.zip", "sample")[2])
        self.assertEqual(self.pack("a.zip", "sample", "--force")[0], 0)

    def test_usage(self):
        self.assertEqual(self.pack()[0], 2)
        self.assertIn("archive", self.pack("--help")[1])


class UnpackRefusalTest(ArchiveCase):
    def test_names_that_lead_out(self):
        for name in ("../evil", "a/../../evil", "/tmp/evil", "..\\evil", "C:evil", "a/b\nc", "x" * 300):
            self.write_zip((name, b"x"))
            self.assert_refused("bad.zip", "leads out|not a relative|too long")
            self.write_tar((tarfile.TarInfo(name), b"x"))
            self.assert_refused("bad.tar", "leads out|not a relative|too long")

    def test_links_and_devices(self):
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        self.write_zip((link, b"/etc/passwd"))
        self.assert_refused("bad.zip", "link")
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("entry")
            info.type, info.linkname = kind, "/etc/passwd"
            self.write_tar((info, b""))
            self.assert_refused("bad.tar", "link")

    def test_only_does_not_excuse_the_other_entries(self):
        self.write_zip(("good.txt", b"x"), ("../evil", b"x"))
        status, _, err = self.unpack("bad.zip", "--into", "out", "--only", "good.txt")
        self.assertEqual(status, 1)
        self.assertIn("leads out", err)
        self.assertFalse((self.folder / "out").exists())

    def test_overlapping_entries_count_each_time(self):
        """Many directory records that share one compressed stream, as the densest bombs have them."""
        self.write_zip(("a", bytes(1024 * 1024)))
        whole = (self.folder / "bad.zip").read_bytes()
        at = whole.index(b"PK\x01\x02")
        record, end = bytearray(whole[at:at + 47]), bytearray(whole[-22:])
        records = b"".join(record[:46] + name for name in (b"%c" % c for c in range(ord("a"), ord("z") + 1)))
        end[8:10] = end[10:12] = (26).to_bytes(2, "little")
        end[12:16] = len(records).to_bytes(4, "little")
        (self.folder / "bad.zip").write_bytes(whole[:at] + records + end)
        self.assert_refused("bad.zip", "bomb|damaged")

    def test_entry_through_a_file(self):
        self.write_zip(("a", b"x"), ("a/b", b"y"))
        self.assert_refused("bad.zip", "error: ")

    def test_repeated_entry(self):
        self.write_tar((tarfile.TarInfo("a"), b"1"), (tarfile.TarInfo("a"), b"2"))
        self.assert_refused("bad.tar", "exists")

    def test_zip_bomb(self):
        self.write_zip(("zeros", bytes(64 * 1024 * 1024)))
        self.assert_refused("bad.zip", "bomb")

    def test_compressed_tar_bomb_is_refused_even_by_list(self):
        info = tarfile.TarInfo("zeros")
        info.size = 512 * 1024 * 1024
        with gzip.open(self.folder / "bad.tar.gz", "wb", 6) as file:
            file.write(info.tobuf())
            for _ in range(128):
                file.write(bytes(1024 * 1024))
        self.assert_refused("bad.tar.gz", "bomb")
        status, _, err = self.unpack("bad.tar.gz", "--list")
        self.assertEqual(status, 1)
        self.assertIn("bomb", err)

    def test_header_that_claims_much(self):
        info = tarfile.TarInfo("x")
        info.type, info.size = tarfile.XHDTYPE, 8 * 1024 ** 3 - 1
        (self.folder / "bad.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(100_000))
        self.assert_refused("bad.tar", "error: ")

    def test_too_many_entries(self):
        self.write_zip(*((f"{i}", b"") for i in range(10_001)))
        self.assert_refused("bad.zip", "more than 10,000")

    def test_damaged_archives(self):
        for suffix in SUFFIXES:
            name = "cut" + suffix
            self.pack(name, "sample")
            whole = (self.folder / name).read_bytes()
            (self.folder / name).write_bytes(whole[:len(whole) // 4])
            self.assert_refused(name, "error: .*(damaged|archive)")

    def test_no_archive(self):
        (self.folder / "bad.zip").write_bytes(b"just text")
        self.assert_refused("bad.zip", "neither")
        self.assertIn("No such file", self.unpack("none.zip")[2])

    def test_existing_folder(self):
        self.pack("sample.zip", "sample")
        status, _, err = self.unpack("sample.zip")
        self.assertEqual(status, 1)
        self.assertIn("--into", err)


class NamesTest(unittest.TestCase):
    def test_safe_names_are_split(self):
        self.assertEqual(safe_parts("./a//b/ü.txt"), ["a", "b", "ü.txt"])
        self.assertEqual(safe_parts("a..b/c:d"), ["a..b", "c:d"])

    def test_formats(self):
        self.assertEqual([format_of_name(n) for n in ("A.ZIP", "a.tar.gz", "a.tgz", "a.tar")],
                         ["zip", "tar.gz", "tar.gz", "tar"])
        with self.assertRaises(ArchiveError):
            format_of_name("a.gz")

    def test_default_folder(self):
        self.assertEqual([default_folder(n) for n in ("x/a.tar.gz", "a.zip", "a", ".zip")],
                         ["a", "a", "a.unpacked", ".zip.unpacked"])


if __name__ == "__main__":
    unittest.main()
