#!/usr/bin/python3 -B
"""A storm of logins: logins.py HOST:PORT RATE. Until SIGTERM; then prints what became of them as JSON."""
import http.client
import itertools
import json
import signal
import sys
import threading
import time

CALLERS = 64  # who log in at the same time at most
USER = {"username": "storm", "password": "a password like others"}


class Storm:
    def __init__(self, address, rate):
        self.address = address
        self.rate = rate
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.answers = {}

    def post(self, path):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.request("POST", f"/api/{path}", json.dumps(USER),
                               {"Content-Type": "application/json"})
            return connection.getresponse().status
        finally:
            connection.close()

    def call(self):
        """Takes the next login when its time has come, whatever became of the ones before."""
        while True:
            time.sleep(max(0, self.begun + next(self.numbers) / self.rate - time.monotonic()))
            try:
                status = self.post("login")
            except (OSError, http.client.HTTPException) as error:
                status = type(error).__name__
            with self.lock:
                self.answers[status] = self.answers.get(status, 0) + 1

    def run(self):
        if self.post("register") != 201:
            sys.exit("the account was not made")
        self.begun = time.monotonic()
        for _ in range(CALLERS):
            threading.Thread(target=self.call, daemon=True).start()
        print("storming", flush=True)
        signal.sigwait({signal.SIGTERM})
        seconds = time.monotonic() - self.begun
        with self.lock:
            asked = sum(self.answers.values())
            print(json.dumps({
                "askedPerSecond": asked / seconds,
                "perSecond": self.answers.get(200, 0) / seconds,
                "busyPerSecond": self.answers.get(503, 0) / seconds,
                "failed": asked - self.answers.get(200, 0) - self.answers.get(503, 0),
            }), flush=True)


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
Storm(sys.argv[1], float(sys.argv[2])).run()
