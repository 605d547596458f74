"""Things that go wrong: members that misbehave, links that stop, servers that are killed."""

import json
import random
import select
import signal
import socket
import threading
import uuid

import zmq




class FakeMember:
    """A member of a topic that does with its intents what `behave(member, frames)` says."""

    def __init__(self, proxy, topic, behave, member_credits=5):
        self.name = f"@g/{topic}/default/{uuid.uuid4().hex}/{member_credits}/".encode()
        self.received = 0
        self._behave = behave
        self._stop = threading.Event()
        self._joined = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(proxy.xsub, proxy.xpub), daemon=True)
        self._thread.start()
        if not self._joined.wait(10):
            raise AssertionError("the fake member has not joined")

    def _run(self, xsub, xpub):
        context = zmq.Context()
        self.pub = context.socket(zmq.XPUB)
        self.sub = context.socket(zmq.XSUB)
        for opened in (self.pub, self.sub):
            opened.setsockopt(zmq.LINGER, 0)
        self.pub.connect(xsub)
        self.pub.recv()
        self.sub.connect(xpub)
        self.sub.send(b"\x01" + self.name)
        self._joined.set()
        while not self._stop.is_set():
            if self.sub.poll(50):
                frames = self.sub.recv_multipart()
                if frames[0] == self.name and not frames[1].startswith(b"@"):
                    self.received += 1
                    self._behave(self, frames)
        context.destroy(linger=0)

    def close(self):
        self._stop.set()
        self._thread.join()


def stay_silent(_member, _frames):
    """Takes intents and never says a word."""


def answer_garbage(member, frames):
    """Says everything that a member must not say, and at last something that is no reply."""
    reply_to = json.loads(frames[1])["reply_to"].encode()
    token = frames[2]
    member.pub.send_multipart([reply_to, b'{"request_id":"x","status":"success"}', b"\xff" * 16])
    member.pub.send_multipart([reply_to, b"one frame too many", token, token, token, token])
    member.pub.send_multipart([b"only one frame"])
    for said in (b"@s", b"@b" + b"\0" * 16, b"@a{", b"@a[]", b"@l", b"\x02\x03", b"@s" + token[:7], b"@x" + token):
        member.sub.send(said)
    member.pub.send_multipart([reply_to, b"\x00\xff this is no JSON", token])


class Relay:
    """A TCP relay to one port; while it is cut it neither forwards nor closes anything."""

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._cut = threading.Event()
        self._drop = threading.Event()
        self._stop = threading.Event()
        self._pairs = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self):
        self._cut.set()

    def heal(self):
        self._cut.clear()

    def drop(self):
        """Ends all connections, with what is on its way in them, and forwards new ones."""
        self._drop.set()
        self._cut.clear()

    def close(self):
        self._stop.set()
        self._thread.join()
        for opened in [self._listener, *self._pairs]:
            opened.close()

    def _run(self):
        while not self._stop.is_set():
            if self._cut.is_set():
                self._stop.wait(0.02)
                continue
            if self._drop.is_set():
                self._drop.clear()
                for opened in self._pairs:
                    opened.close()
                self._pairs.clear()
            readable, _, _ = select.select([self._listener, *self._pairs], [], [], 0.02)
            for source in readable:
                self._accept() if source is self._listener else self._forward(source)

    def _accept(self):
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        self._pairs[near], self._pairs[far] = far, near

    def _forward(self, source):
        target = self._pairs.get(source)
        if target is None:
            return
        try:
            data = source.recv(1 << 16)
            if data:
                target.sendall(data)
                return
        except OSError:
            pass
        for closed in (source, target):
            self._pairs.pop(closed, None)
            closed.close()


class Killer:
    """Every `interval` seconds one of the servers, chosen at random, is killed and started again."""

    def __init__(self, start_server, count, interval, seed, number=signal.SIGKILL):
        self._start_server = start_server
        self._interval = interval
        self._random = random.Random(seed)
        self._number = number
        self._stop = threading.Event()
        self.servers = [start_server() for _ in range(count)]
        self.kills = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(self._interval):
            index = self._random.randrange(len(self.servers))
            server = self.servers[index]
            server.send_signal(self._number)
            server.wait_exit(60)
            self.kills += 1
            self.servers[index] = self._start_server()


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def outcome_counts(replies):
    """How often each outcome occurs: "success" or an error code."""
    counts = {}
    for reply in replies.values():
        outcome = reply.get("code") or reply["status"]
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts


