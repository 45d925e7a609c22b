"""Goal: the API server itself asks the operator's webhook, by its certificate and name; pods that opted in get their
sidecar, or do not come to be while nobody answers; others never notice.

Method: a Service of type ExternalName leads the API server to the operator on this machine, by the name that the
certificate is made out to. Only the test's own namespace is asked about.
"""

import json

import shared
from kube import Refused, eventually, kubectl
from world import SYSTEM, free_port

KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


class Admission(shared.Case):
    def lead_to(self, port: int):
        """From now on the API server asks there about this namespace."""
        world = shared.world
        kubectl("label", "namespace", self.ns, "pannier.test/asked=true", "--overwrite")
        kubectl("apply", "-f", "-", given=json.dumps({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": world.webhook_service, "namespace": SYSTEM},
            "spec": {"type": "ExternalName", "externalName": "localhost"}}))
        for kind in KINDS:
            # Where the operator has just put its caBundle back, once more.
            self.eventually_answers(lambda kind=kind: self.put(kind, port))

    def put(self, kind: str, port: int) -> dict:
        world = shared.world
        tree = world.api.get(kind, "", world.webhook_name)
        for webhook in tree["webhooks"]:
            webhook["clientConfig"]["service"]["port"] = port
            webhook["namespaceSelector"] = {"matchLabels": {"pannier.test/asked": "true"}}
        return world.api.call("PUT", world.api.path(kind, "", world.webhook_name), tree)

    def pod(self, name: str, query: str = "", **labels) -> dict:
        return shared.world.api.call("POST", shared.world.api.path("Pod", self.ns) + query, {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": self.ns, "labels": labels},
            "spec": {"containers": [{"name": "work", "image": "work"}], "automountServiceAccountToken": False}})

    def eventually_answers(self, ask):
        """The API server learns of changed configurations within moments."""
        last = []

        def holds():
            try:
                return ask()
            except (Refused, AssertionError) as error:
                last[:] = [str(error)]
                return None
        return eventually(holds, 20, lambda: str(last))

    def test_the_api_server_asks_the_webhook(self):
        shared.world.vector_store(self.ns, "notes")
        self.lead_to(self.operator.address("the webhook listens")[1])
        opted_in = {"pannier.dev/vectorstore": "notes"}

        def injected(name: str, query: str = "") -> dict:
            made = self.pod(name, query, **opted_in)
            first = made["spec"].get("initContainers", [{}])[0]
            if first.get("restartPolicy") != "Always":
                shared.world.api.delete("Pod", self.ns, name)
                raise AssertionError("no sidecar yet")
            return made

        made = self.eventually_answers(lambda: injected("first"))
        self.assertEqual(made["metadata"]["labels"]["pannier.dev/injected"], "true")
        self.assertIn("pannier.dev/daemon-config", made["metadata"]["annotations"])
        names = {each["name"] for each in made["spec"]["containers"][0]["env"]}
        self.assertIn("PANNIER_SOCKET", names)
        self.assertEqual(made["spec"]["initContainers"][0]["image"], "pannier/pannierd:test")
        # A dry run is answered alike, and leaves nothing.
        injected("dry", "?dryRun=All")
        self.assertIsNone(shared.world.api.get("Pod", self.ns, "dry"))
        self.assertNotIn("initContainers", self.pod("bare")["spec"])

        with self.assertRaises(Refused) as refused:
            shared.world.api.create("StoreSnapshotSchedule", self.ns, "wrong", {
                "schedule": "61 0 * * *", "retention": {"keepLast": 1},
                "template": {"spec": {"vectorStoreRef": {"name": "notes"}}}})
        self.assertIn("spec.schedule", str(refused.exception))

        # Nobody answers: who opted in has to wait, others do not notice.
        self.lead_to(free_port())

        def is_refused() -> str:
            try:
                made = self.pod("waits", **opted_in)
            except Refused as error:
                return str(error)
            shared.world.api.delete("Pod", self.ns, made["metadata"]["name"])
            return ""

        self.assertIn("failed calling webhook", self.eventually_answers(is_refused))
        self.pod("other")
        self.lead_to(self.operator.address("the webhook listens")[1])
        self.eventually_answers(lambda: injected("waits"))
