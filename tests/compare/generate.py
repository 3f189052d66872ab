# SPDX-License-Identifier: GPL-2.0
"""
Random scripts of refslab. Each is made while it runs on CPython's objects (machine.py), so that
every line can be carried out and finds something to do; the same seed gives the same script.
"""

import gc
import random

from machine import Instance, Machine, Undecided, Weak

NAMES = [f"v{i}" for i in range(9)]


class Generator:
    """One script: its lines and the answers to them."""

    def __init__(self, seed, kinds):
        self.random = random.Random(seed)
        self.machine = Machine()
        self.kinds = kinds
        self.lines = [f"# seed {seed}"]
        self.answers = []
        # Rule 4: with finalizers, weak references are to what has one.
        self.finalizers = self.random.random() < 0.5
        self.atoms = self.random.random() < 0.5

    def emit(self, line):
        """A line, its answer."""
        self.lines.append(line)
        answer = self.machine.run(line)
        if answer is not None:
            self.answers.append(answer)

    @staticmethod
    def made(line):
        """A line that makes a container, which is then known by its id."""
        return [line, f"id {line.split()[0]}"]

    # What there is to choose from.

    def name(self):
        """A name to give."""
        return self.random.choice(NAMES)

    def names(self, wanted=lambda obj: True):
        """Names that stand for what is wanted."""
        return [n for n, obj in sorted(self.machine.names.items()) if wanted(obj)]

    def one(self, wanted=lambda obj: True):
        """One of them, or None."""
        names = self.names(wanted)
        return self.random.choice(names) if names else None

    def of(self, *types):
        """One of these types."""
        return self.one(lambda obj: type(obj) in types)

    def user(self, slots=False):
        """An object of a user-defined type; with slots, one that has some in use."""
        return self.one(lambda obj: type(obj) in self.machine.type_of
                        and (not slots or self.used(obj)))

    @staticmethod
    def used(obj):
        """Slots that are in use."""
        return [int(name[1:]) for name in type(obj).__slots__
                if name != "__weakref__" and hasattr(obj, name)]

    @staticmethod
    def is_key(obj):
        """What both take for a key; no tuples in tuples."""
        if type(obj) in (list, dict, set, Weak):
            return False
        if type(obj) is tuple:
            return all(type(x) is not tuple and Generator.is_key(x) for x in obj)
        return True

    # Lines. None when there is nothing to do it with. They are carried out when whoever chose them
    # has let go of what was looked at.

    def some(self, most):
        """Up to so many names, of what may be stored."""
        names = self.names(self.may_store)
        return [self.random.choice(names) for _ in range(self.random.randint(0, most))] \
            if names else []

    def do_make(self):
        kind = self.random.choice(self.kinds)
        name = self.name()
        if kind == "user":
            return self.made(f"{name} = new {self.random.choice(sorted(self.machine.types))}")
        elif kind == "int":
            return [f"{name} = int {self.random.choice([0, 1, 7, 300, -99999])}"]
        elif kind == "str":
            return [f'{name} = str "{self.random.choice(["a", "hello", "x y", "k1"])}"']
        elif kind == "float":
            return [f"{name} = float {self.random.choice(['1.0', '0.5', '-3.25', '300.0'])}"]
        elif kind == "bytes":
            return [f"{name} = bytes {self.random.choice(['00ff10', '61'])}"]
        elif kind == "list":
            return self.made(" ".join([f"{name} = list", *self.some(3)]))
        elif kind == "tuple":
            elements = self.some(3) or self.some(3)
            if not elements:
                return [f"{name} = tuple"]
            return self.made(" ".join([f"{name} = tuple", *elements]))
        elif kind == "instance":
            return self.made(f"{name} = instance")
        elif kind == "set":
            elements = [n for n in self.some(3) if self.is_key(self.machine.names[n])]
            return self.made(" ".join([f"{name} = set", *elements]))
        elif kind == "dict":
            items = []
            for key in self.some(3):
                if self.is_key(self.machine.names[key]):
                    items += [key, self.one(self.may_store)]
            return self.made(" ".join([f"{name} = dict", *items]))

    def do_link(self):
        x = self.one(self.may_store)
        to = self.one(lambda obj: type(obj) in (list, dict, set, Instance)
                      or type(obj) in self.machine.type_of)
        if not x or not to:
            return
        obj = self.machine.names[to]
        if type(obj) is list:
            if not obj or self.random.random() < 0.5:
                return [f"append {to} {x}"]
            elif self.random.random() < 0.5:
                return [f"insert {to} {self.random.randint(0, len(obj))} {x}"]
            else:
                return [f"setitem {to} {self.random.randrange(len(obj))} {x}"]
        elif type(obj) is dict:
            key = self.one(self.is_key)
            # Rule 1: not into a dict that CPython would begin to track only now.
            late = not gc.is_tracked(obj) and self.machine.ages[self.machine.number(obj)]
            if key and not late:
                return [f"setitem {to} {key} {x}"]
        elif type(obj) is set:
            if self.is_key(self.machine.names[x]):
                return [f"add {to} {x}"]
        elif type(obj) is Instance:
            return [f'setattr {to} "{self.random.choice("abc")}" {x}']
        else:
            slots = [n for n in type(obj).__slots__ if n != "__weakref__"]
            return [f"setslot {to} {self.random.randrange(len(slots))} {x}"]

    def may_store(self, obj):
        """Rule 4: with finalizers, not a weak reference with a callback."""
        return not (self.finalizers and type(obj) is Weak and obj.__callback__ is not None)

    def do_unlink(self):
        of = self.one(lambda obj: (type(obj) in (list, dict, set) and len(obj))
                      or (type(obj) is Instance and self.attributes(obj))
                      or (type(obj) in self.machine.type_of and self.used(obj)))
        if not of:
            return
        obj = self.machine.names[of]
        if type(obj) is list:
            word = self.random.choice(["delitem", "pop"])
            return [f"{word} {of} {self.random.randrange(len(obj))}"]
        elif type(obj) is dict:
            key = self.one(lambda k: self.is_key(k) and k in obj)
            if key:
                return [f"delitem {of} {key}"]
        elif type(obj) is set:
            x = self.one(lambda k: self.is_key(k) and k in obj)
            if x:
                return [f"discard {of} {x}"]
        elif type(obj) is Instance:
            return [f'delattr {of} "{self.random.choice(self.attributes(obj))}"']
        else:
            return [f"clearslot {of} {self.random.choice(self.used(obj))}"]

    @staticmethod
    def attributes(obj):
        """Attributes that are there; without asking for a dict, which would be made."""
        return [name for name in "abc" if hasattr(obj, name)]

    def do_load(self):
        of = self.one(lambda obj: (type(obj) in (list, tuple, dict) and len(obj))
                      or (type(obj) is Instance and self.attributes(obj))
                      or (type(obj) in self.machine.type_of and self.used(obj)))
        if not of:
            return
        obj = self.machine.names[of]
        name = self.name()
        if type(obj) in (list, tuple):
            word = self.random.choice(["item", "item", "pop"]) if type(obj) is list else "item"
            return [f"{name} = {word} {of} {self.random.randrange(len(obj))}"]
        elif type(obj) is dict:
            key = self.one(lambda k: self.is_key(k) and k in obj)
            if key:
                return [f"{name} = item {of} {key}"]
        elif type(obj) is Instance:
            attribute = self.random.choice(self.attributes(obj))
            return [f'{name} = getattr {of} "{attribute}"']
        else:
            return [f"{name} = slot {of} {self.random.choice(self.used(obj))}"]

    def do_copy(self):
        x = self.one()
        if x:
            return [f"{self.name()} = {x}"]

    def do_del(self):
        names = self.names()
        if names:
            count = self.random.randint(1, min(3, len(names)))
            return ["del " + " ".join(self.random.sample(names, count))]

    def weakable(self, obj):
        """Rule 4: with finalizers only what is to be finalized yet."""
        if self.finalizers:
            return hasattr(type(obj), "__del__") and not gc.is_finalized(obj)
        return type(obj) in (set, Instance) or "__weakref__" in getattr(type(obj), "__slots__", ())

    def do_weak(self):
        x = self.one(self.weakable)
        if x:
            return self.made(f"{self.name()} = weak {x}" + self.random.choice(["", " callback"]))

    def do_deref(self):
        weak = self.of(Weak)
        if weak:
            return [f"{self.name()} = deref {weak}"]

    def do_events(self):
        # One alone has no order; the script keeps what it carries.
        if len(self.machine.queue) == 1 and self.random.random() < 0.6:
            return [f"{self.name()} = event"]
        else:
            return ["events"]

    def do_collect(self):
        lines = [f"collect {self.random.choice([0, 0, 0, 1, 1, 2, 2])}", "count"]
        weak = self.of(Weak)
        if weak and self.random.random() < 0.8:
            lines.append(f"{self.name()} = deref {weak}")
        return lines

    def do_ask(self):
        word = self.random.choice(["refcount", "tracked", "finalized", "len", "is", "typeof",
                                   "contains", "objects", "objects", "stat"])
        if word == "objects":
            return [f"objects {self.random.randint(0, 2)}"]
        elif word == "stat":
            return ["stat"]
        elif word == "is":
            a = self.one(lambda obj: self.machine.number(obj))
            b = self.one(lambda obj: self.machine.number(obj))
            if a and b:
                return [f"is {a} {b}"]
        elif word == "len":
            of = self.of(list, tuple, dict, set)
            if of:
                return [f"len {of}"]
        elif word == "contains":
            of, x = self.of(dict, set, list, tuple), self.one(self.is_key)
            if of and x and "set" in self.kinds:
                return [f"contains {of} {x}"]
        else:
            x = self.one(lambda obj: self.machine.number(obj))
            if x:
                return [f"{word} {x}"]

    def generate(self):
        """The whole script."""
        self.emit("disable")
        self.emit("type Node slots=2" + self.random.choice(["", " weakref"]))
        self.emit("type Wide slots=5 weakref")
        if self.finalizers:
            self.emit("type Final slots=2 finalizer weakref")
        if self.random.random() < 0.3:
            self.emit("watch gc")
        ways = {
            self.do_make: 22, self.do_link: 26, self.do_unlink: 7, self.do_load: 7,
            self.do_copy: 2, self.do_del: 11, self.do_weak: 9, self.do_deref: 4,
            self.do_events: 5, self.do_collect: 8, self.do_ask: 13,
        }
        size = self.random.randint(30, 185)
        while len(self.lines) < size:
            # No more than 64 events of scans wait.
            if len(self.machine.scans) >= 60:
                self.emit("events")
            for line in self.random.choices(list(ways), list(ways.values()))[0]() or ():
                self.emit(line)
        if self.names():
            self.emit("del " + " ".join(self.names()))
        for _ in range(size):
            self.emit("events")
            self.emit("collect")
            self.emit("stat")
            if not self.machine.live():
                break
        assert not self.machine.live(), "something does not die"
        self.machine.stop()


def generate(seed, kinds):
    """Lines, and answers. A script that comes to what nobody promises is not used."""
    attempt = 0
    while True:
        script = Generator(f"{seed}.{attempt}", kinds)
        try:
            script.generate()
            break
        except Undecided:
            attempt += 1
        # Now that the exception is gone, which held on to objects.
        script.machine.stop()
    # Once more without anybody who looks on, and might have held on to something.
    machine = Machine()
    answers = [machine.run(line) for line in script.lines]
    machine.stop()
    answers = [answer for answer in answers if answer is not None]
    assert answers == script.answers, (seed, [
        pair for pair in zip(answers, script.answers) if pair[0] != pair[1]
    ][:2])
    return script.lines, script.answers
