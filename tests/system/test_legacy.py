"""Unmodified SkillScale programs work: plain PUB and SUB sockets, two frames, half a second of settling."""

import json
import time
import unittest
import uuid

import zmq

from harness import SystemTest, wait_until


class PlainAgent:
    """An agent as SkillScale's own clients are: it sleeps instead of waiting for the proxy."""

    def __init__(self, proxy, agent_id=None):
        self.reply_topic = f"AGENT_REPLY_{agent_id or uuid.uuid4().hex[:8]}"
        self.context = zmq.Context()
        self.pub = self.context.socket(zmq.PUB)
        self.pub.connect(proxy.xsub)
        self.sub = self.context.socket(zmq.SUB)
        self.sub.connect(proxy.xpub)
        self.sub.setsockopt_string(zmq.SUBSCRIBE, self.reply_topic)
        time.sleep(0.5)  # This is what those clients do; it is the behaviour under test.

    def publish(self, topic, intent):
        request_id = str(uuid.uuid4())
        payload = {"request_id": request_id, "reply_to": self.reply_topic, "intent": intent, "timestamp": time.time()}
        self.pub.send_multipart([topic.encode(), json.dumps(payload).encode()])
        return request_id

    def receive(self, seconds=10):
        """The next (topic, message), or None."""
        if not self.sub.poll(seconds * 1000):
            return None
        frames = self.sub.recv_multipart()
        assert len(frames) == 2, frames
        return frames[0].decode(), json.loads(frames[1])

    def close(self):
        self.pub.close(linger=0)
        self.sub.close(linger=0)
        self.context.term()


class PlainServer:
    """A server as SkillScale's own are: SUB to the topic, PUB of the replies."""

    def __init__(self, proxy, topic):
        self.context = zmq.Context()
        self.sub = self.context.socket(zmq.SUB)
        self.sub.connect(proxy.xpub)
        self.sub.setsockopt_string(zmq.SUBSCRIBE, topic)
        self.pub = self.context.socket(zmq.PUB)
        self.pub.connect(proxy.xsub)
        time.sleep(0.5)

    def receive(self, seconds=10):
        if not self.sub.poll(seconds * 1000):
            return None
        return self.sub.recv_multipart()

    def answer(self, intent, content):
        reply = {"request_id": intent["request_id"], "status": "success", "content": content, "error": None,
                 "timestamp": time.time()}
        self.pub.send_multipart([intent["reply_to"].encode(), json.dumps(reply).encode()])

    def close(self):
        self.sub.close(linger=0)
        self.pub.close(linger=0)
        self.context.term()


class LegacyTest(SystemTest):
    def plain_agent(self, agent_id=None):
        agent = PlainAgent(self.cluster.proxy, agent_id)
        self.addCleanup(agent.close)
        return agent

    def plain_server(self, topic):
        server = PlainServer(self.cluster.proxy, topic)
        self.addCleanup(server.close)
        return server

    def test_a_plain_agent_gets_its_replies(self):
        self.cluster.add_skill("echo", "cat")
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_DATA_PROCESSING")
        agent = self.plain_agent()
        for intent in ({"skill": "echo", "data": "as an object"}, json.dumps({"skill": "echo", "data": "as a string"})):
            request_id = agent.publish("TOPIC_DATA_PROCESSING", intent)
            topic, reply = agent.receive()
            self.assertEqual((topic, reply["request_id"], reply["status"]), (agent.reply_topic, request_id, "success"))
            self.assertIn(reply["content"], ("as an object", "as a string"))
            self.assertIsInstance(reply["timestamp"], float)

    def test_a_hundred_plain_intents_are_all_answered_once(self):
        self.cluster.add_journal_skill()
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_X")
        self.cluster.start_server("TOPIC_X")
        self.cluster.members("TOPIC_X", 2)
        agent = self.plain_agent()
        ids = {agent.publish("TOPIC_X", {"skill": "journal", "data": f"t{n}\n"}) for n in range(100)}
        answered = [agent.receive()[1]["request_id"] for _ in range(100)]
        self.assertEqual((set(answered), len(answered)), (ids, 100))
        self.assertEqual(self.cluster.executions(), {f"t{n}": 1 for n in range(100)})

    def test_a_plain_server_gets_the_intents_of_its_topic_and_its_reply_reaches_the_agent(self):
        self.cluster.start_proxy()
        server = self.plain_server("PLAIN_TOPIC")
        agent = self.cluster.agent()
        request_id = agent.publish("PLAIN_TOPIC", "do something")
        frames = server.receive()
        self.assertEqual((len(frames), frames[0]), (2, b"PLAIN_TOPIC"))
        intent = json.loads(frames[1])
        self.assertEqual((intent["request_id"], intent["intent"]), (request_id, "do something"))
        server.answer(intent, "done")
        self.assertEqual(agent.collect([request_id])[request_id]["content"], "done")

    def test_a_plain_server_on_a_held_topic_without_members_gets_its_intents_too(self):
        self.cluster.start_proxy()
        server = self.plain_server("TOPIC_PLAIN")
        agent = self.plain_agent()
        request_id = agent.publish("TOPIC_PLAIN", "do something")
        intent = json.loads(server.receive()[1])
        server.answer(intent, "done")
        self.assertEqual(agent.receive()[1]["request_id"], request_id)

    def test_a_plain_server_that_comes_late_gets_what_waited_for_it(self):
        self.cluster.start_proxy()
        agent = self.cluster.agent()
        ids = [agent.publish("TOPIC_PLAIN", f"n{n}") for n in range(10)]
        agent.pump_until(lambda: self.cluster.proxy.scale("TOPIC_PLAIN")["pending"] == 10, 10, "all are held")
        server = self.plain_server("TOPIC_PLAIN")
        self.assertEqual([json.loads(server.receive()[1])["request_id"] for _ in ids], ids)

    def test_several_plain_servers_each_get_every_intent(self):
        self.cluster.start_proxy()
        servers = [self.plain_server("PLAIN_TOPIC") for _ in range(3)]
        agent = self.plain_agent()
        ids = [agent.publish("PLAIN_TOPIC", f"n{n}") for n in range(10)]
        for server in servers:
            self.assertEqual([json.loads(server.receive()[1])["request_id"] for _ in ids], ids)

    def test_agents_with_similar_ids_see_only_their_own_replies(self):
        self.cluster.add_skill("echo", "cat")
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_X")
        agents = {name: self.plain_agent(name) for name in ("1234abc0", "1234abc1")}
        for _ in range(10):
            for name, agent in agents.items():
                agent.publish("TOPIC_X", {"skill": "echo", "data": name})
        for name, agent in agents.items():
            self.assertEqual([agent.receive()[1]["content"] for _ in range(10)], [name] * 10)
            self.assertIsNone(agent.receive(0.3))

    def test_an_agent_that_compares_topics_does_not_take_the_replies_of_a_longer_id(self):
        self.cluster.add_skill("echo", "cat")
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_X")
        short, long = self.cluster.agent("1234abcd"), self.cluster.agent("1234abcd5678")
        request_ids = [long.publish("TOPIC_X", {"skill": "echo", "data": "theirs"}) for _ in range(10)]
        long.collect(request_ids)
        self.assertEqual(short.call("TOPIC_X", {"skill": "echo", "data": "mine"})["content"], "mine")
        self.assertEqual(len(short.replies), 1)

    def test_a_plain_server_beside_members_does_not_disturb_them(self):
        self.cluster.add_journal_skill()
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_MIXED")
        self.cluster.members("TOPIC_MIXED", 1)
        self.plain_server("TOPIC_MIXED")
        agent = self.cluster.agent()
        ids = [agent.publish("TOPIC_MIXED", {"skill": "journal", "data": f"t{n}\n"}) for n in range(20)]
        agent.collect(ids)
        self.assertEqual(self.cluster.executions(), {f"t{n}": 1 for n in range(20)})
        self.assertEqual(agent.duplicates(), 0)

    def test_malformed_messages_hurt_nobody(self):
        self.cluster.add_skill("echo", "cat")
        proxy = self.cluster.start_proxy()
        server = self.cluster.start_server("TOPIC_X")
        agent = self.cluster.agent()
        for payload in (b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"request_id": 7}', b'{"intent": "no address"}', b"[" * 10000):
            agent.send_raw(b"TOPIC_X", payload)
        agent.send_raw(b"TOPIC_X")
        agent.send_raw(b"TOPIC_X", b"{}", b"R", b"more", b"and more")
        broken = json.dumps({"request_id": "r1", "reply_to": agent.reply_to, "intent": 7}).encode()
        agent.send_raw(b"TOPIC_X", broken)
        self.assert_error(agent.collect(["r1"])["r1"], "invalid_request")
        self.assertEqual(agent.call("TOPIC_X", {"skill": "echo", "data": "still here"})["content"], "still here")
        self.assertTrue(proxy.is_running() and server.is_running())

    def test_a_message_past_the_limit_is_refused_and_the_rest_goes_on(self):
        self.cluster.add_skill("echo", "cat")
        self.cluster.start_proxy()
        self.cluster.start_server("TOPIC_X")
        flooder = self.cluster.agent()
        flooder.send_raw(b"TOPIC_X", b"x" * (17 << 20))
        agent = self.cluster.agent()
        self.assertEqual(agent.call("TOPIC_X", {"skill": "echo", "data": "still here"})["content"], "still here")
        wait_until(self.cluster.proxy.is_running, 1, "the proxy runs")


if __name__ == "__main__":
    unittest.main()
