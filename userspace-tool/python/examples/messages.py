#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Messages between processes that are killed all the time, and none is lost or answered twice.

    messages.py [SECONDS [CONSUMERS]]

A producer puts messages into inboxes, each consumer answers those in its own, and this process
reads the answers, drops old conversations, and kills a consumer again and again. What they share is
a heap with the roots inbox0, inbox1 ... and log, lists of messages; a message has a list of its
replies, and a reply says to which message: a cycle, which only the collector can free.

A process can be killed between any two operations, and each operation is done or not done. So the
order counts. A consumer looks at the first message in its inbox; works and makes the reply, which
nobody else sees yet; appends it to the message's replies, by which the message is answered; and
takes the message out of the inbox as the last step. Its successor finds the message as the first,
without a reply, and begins again, or with one, and only takes it out. As an inbox has one owner at
a time, it needs no lock. userspace-tool/examples-c/messages.c is the same in C.
"""

import argparse
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import time

import refslab

MAX_INBOX = 16  # messages that wait; then the producer does, too
MAX_LOG = 1000  # conversations in the log, likewise
AT_A_TIME = 50  # conversations that the parent looks at between kills
MAX_CONSUMERS = 64
MAX_SECONDS = 86400
PATIENCE = 120  # seconds for the consumers to finish what is left

# What producer and consumers need not do is what they cannot do.
WORKER = {"collect": False, "limits": False}


def dawdle(seconds):
    """For a random time, so that a kill may hit any step."""
    time.sleep(random.uniform(0, seconds))


def produce():
    """All that this program has of its parent is a socket, as its standard input."""
    parent = socket.socket(fileno=0)
    consumers, fds, _, _ = socket.recv_fds(parent, 1, 1)
    heap = refslab.Heap.attach(fds[0], **WORKER)
    os.close(fds[0])
    log = heap.lookup("log")
    inboxes = [heap.lookup(f"inbox{i}") for i in range(consumers[0])]
    number = 0
    parent.setblocking(False)
    while True:
        try:
            parent.recv(1)
            break
        except BlockingIOError:
            pass
        inbox = inboxes[number % len(inboxes)]
        if len(inbox) >= MAX_INBOX or len(log) >= MAX_LOG:
            dawdle(0.001)
            continue
        message = heap.instance(number=number, text=f"message {number}", replies=[])
        # Whoever sees it sees all of it.
        log.append(message)
        inbox.append(message)
        number += 1
    parent.sendall(str(number).encode())


def consume(fd, number):
    """Until somebody kills it: there is no other way to end it, so that this one is well tested."""
    heap = refslab.Heap.attach(fd, **WORKER)
    os.close(fd)
    inbox = heap.lookup(f"inbox{number}")
    while True:
        try:
            message = inbox[0]
        except IndexError:
            dawdle(0.001)
            continue
        if len(message.replies):
            message.finished = 1
        else:
            message.tries = getattr(message, "tries", 0) + 1
            dawdle(0.001)
            reply = heap.instance(text=message.text.upper(), reply_to=message)
            # Up to here nobody but us knows of the reply; from here on everybody does.
            message.replies.append(reply)
        dawdle(0.001)
        del inbox[0]


class Consumer(multiprocessing.get_context("fork").Process):
    """A consumer, and how it ends. After fork() it has none of its parent's heaps."""

    def __init__(self, fd, number):
        super().__init__(target=consume, args=(fd, number), daemon=True)
        self.start()

    def end(self):
        """Who is dead after join() holds nothing any more. Was it the kill that ended it?"""
        self.kill()
        self.join()
        return self.exitcode == -9


class Auditor:
    """Looks at conversations, the oldest first, and drops them."""

    def __init__(self, log, consumers):
        self.log = log
        self.consumers = consumers
        self.answered = self.again = self.finished = self.twice = self.wrong = 0

    def some(self):
        """
        A message is done with when the next one in the same inbox is answered, as it is out of the
        inbox by then.
        """
        for _ in range(AT_A_TIME):
            if len(self.log) <= self.consumers or not len(self.log[self.consumers].replies):
                break
            self.one()

    def all(self):
        """At the end, all are."""
        while len(self.log):
            self.one()

    def one(self):
        """The oldest."""
        message = self.log[0]
        replies = list(message.replies)
        self.again += getattr(message, "tries", 0) > 1
        self.finished += getattr(message, "finished", 0)
        self.twice += len(replies) > 1
        if replies:
            if (
                message.number != self.answered
                or replies[0].text != f"MESSAGE {self.answered}"
                or replies[0].reply_to is not message
            ):
                self.wrong += 1
            self.answered += 1
        del self.log[0]


def start_producer(fd, consumers):
    """The process, and a socket to it, through which it gets the heap: no descriptor else."""
    ours, its = socket.socketpair()
    with its:
        producer = subprocess.Popen([sys.executable, __file__, "producer"], stdin=its)
    socket.send_fds(ours, [bytes([consumers])], [fd])
    return producer, ours


def main(seconds, consumers):
    """Whether all went well."""
    heap = refslab.Heap("messages", max_bytes=16 << 20)
    heap.publish("log", [])
    names = [f"inbox{i}" for i in range(consumers)]
    for name in names:
        heap.publish(name, [])

    # Whoever is given our own descriptor may do all that we may: so here is another one.
    with refslab.Heap.attach(heap, **WORKER) as given:
        fd = os.dup(given.fileno())
    producer, to = start_producer(fd, consumers)
    running = [Consumer(fd, i) for i in range(consumers)]
    auditor = Auditor(heap.lookup("log"), consumers)
    killed = failed = 0
    # A slow machine takes its time to start an interpreter.
    while not len(auditor.log) and producer.poll() is None:
        time.sleep(0.01)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        dawdle(0.1)
        i = random.randrange(consumers)
        failed += not running[i].end()
        killed += 1
        running[i] = Consumer(fd, i)
        auditor.some()

    to.sendall(b"s")
    sent = int(to.recv(100) or 0)
    failed += producer.wait() != 0
    to.close()
    end = time.monotonic() + PATIENCE
    while any(len(heap.lookup(name)) for name in names) and time.monotonic() < end:
        time.sleep(0.001)
    failed += sum(not consumer.end() for consumer in running)
    killed += consumers
    os.close(fd)
    auditor.all()
    for name in ["log", *names]:
        heap.unpublish(name)
    auditor.log.close()
    heap.gc.collect()
    found = sum(generation["collected"] for generation in heap.gc.get_stats())
    left = heap.stat()["objects"]
    heap.close()

    print(f"messages sent: {sent}\nanswered: {auditor.answered}\nconsumers killed: {killed}")
    print(f"begun again by a successor: {auditor.again}")
    print(f"finished by a successor: {auditor.finished}")
    print(f"objects found by the collector: {found}")
    print(f"messages lost: {sent - auditor.answered}\nanswered twice: {auditor.twice}")
    print(f"answered wrongly: {auditor.wrong}\nprocesses failed: {failed}\nobjects left: {left}")
    lost = sent != auditor.answered
    return sent > 0 and not (lost or auditor.twice or auditor.wrong or failed or left)


def within(kind, least, most):
    """What reads an argument and looks whether it is within bounds."""

    def read(text):
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not within {least} and {most}")
        return value

    read.__name__ = kind.__name__
    return read


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Messages between processes that are killed all the time."
    )
    parser.add_argument(
        "seconds", type=within(float, 0.1, MAX_SECONDS), nargs="?", default=5.0, metavar="SECONDS",
        help=f"how long to go on, 0.1 to {MAX_SECONDS} (5)",
    )
    parser.add_argument(
        "consumers", type=within(int, 1, MAX_CONSUMERS), nargs="?", default=3, metavar="CONSUMERS",
        help=f"how many there are, 1 to {MAX_CONSUMERS} (3)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:] == ["producer"]:
        produce()
    else:
        given = arguments()
        sys.exit(not main(given.seconds, given.consumers))
