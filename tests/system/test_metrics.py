"""A real Prometheus scrapes the daemons, and the load is there for autoscalers."""

import json
import shutil
import subprocess
import unittest
import urllib.parse

from harness import SystemTest, free_ports, http_get, wait_until

TOPIC = "TOPIC_METRICS"


class LoadTest(SystemTest):
    def test_load_counts_what_waits_and_what_runs(self):
        self.cluster.add_skill("slow", "sleep 600")
        self.cluster.start_proxy()
        self.cluster.start_server(TOPIC, workers=2)
        self.cluster.members(TOPIC, 1)
        agent = self.cluster.agent()
        requests = [agent.publish(TOPIC, {"skill": "slow", "data": ""}) for _ in range(10)]
        load = wait_until(lambda: (now := self.cluster.proxy.scale(TOPIC))["load"] == 10 and now, 10, "a load of ten")
        self.assertEqual((load["inflight"], load["pending"], load["credits"], load["members"]), (3, 7, 3, 1))
        topics = json.loads(http_get(f"{self.cluster.proxy.http}/v1/topics")[1])["topics"]
        self.assertEqual([(entry["topic"], entry["group"], entry["load"]) for entry in topics], [(TOPIC, "default", 10)])
        for request in requests:
            agent.cancel(request)
        replies = agent.collect(requests, 20)
        self.assertEqual({reply["code"] for reply in replies.values()}, {"cancelled"})
        wait_until(lambda: self.cluster.proxy.scale(TOPIC)["load"] == 0, 10, "no load")

    def test_a_topic_that_is_none_is_refused(self):
        proxy = self.cluster.start_proxy()
        self.assertEqual(http_get(f"{proxy.http}/v1/scale/@stats")[0], 400)
        self.assertEqual(json.loads(http_get(f"{proxy.http}/v1/scale/TOPIC_NOBODY")[1])["load"], 0)


@unittest.skipUnless(shutil.which("prometheus"), "no prometheus on this machine")
class PrometheusTest(SystemTest):
    def test_prometheus_scrapes_proxy_and_server(self):
        self.cluster.add_skill("echo", "cat")
        proxy = self.cluster.start_proxy()
        server = self.cluster.start_server(TOPIC)
        self.assert_success(self.cluster.agent().call(TOPIC, {"skill": "echo", "data": "x"}))
        targets = [target.removeprefix("http://") for target in (proxy.http, server.http)]
        config = self.cluster.folder / "prometheus.yml"
        config.write_text(json.dumps({  # JSON is YAML.
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "skillscale", "static_configs": [{"targets": targets}]}]}))
        (port,) = free_ports(1)
        with open(self.cluster.folder / "prometheus.log", "wb") as log:
            prometheus = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.cluster.folder}/tsdb",
                 f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log, cwd=self.cluster.folder)
        self.addCleanup(prometheus.wait)
        self.addCleanup(prometheus.kill)

        def value(query):
            status, body = http_get(f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}")
            results = json.loads(body)["data"]["result"] if status == 200 else []
            return float(results[0]["value"][1]) if results else None
        wait_until(lambda: value('sum(up{job="skillscale"})') == 2, 30, "both daemons are up for Prometheus")
        wait_until(lambda: value(f'skillscale_intents_completed_total{{topic="{TOPIC}"}}') == 1, 10, "one intent")


if __name__ == "__main__":
    unittest.main(verbosity=2)
