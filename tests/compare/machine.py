# SPDX-License-Identifier: GPL-2.0
"""
Runs scripts of refslab on CPython's own objects: a list is a list, an object of a user-defined type
one of a class with __slots__, a weak reference a weakref.ref, a finalizer a __del__. What the
collector is asked for is asked of Python's gc. The answers are what `refslab run --json` has to
give as well, with ids replaced by the numbers of objects in the order they were asked for theirs.

Where the two differ by design the answer is changed here, and nowhere else: see README.md.
"""

import gc
import re
import sys
import weakref

if sys.implementation.name != "cpython" or sys.version_info < (3, 11):
    # Before 3.11 the attributes of an instance are a dict of their own, which counts.
    sys.exit("the comparison needs CPython 3.11 or later")

WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|\S+')
MACHINE = None


class Weak(weakref.ref):
    """A weak reference; of its own, where weakref.ref gives the same one to all who ask."""

    __slots__ = ()


class Instance:
    """An object with attributes."""


def _on_dead(weak):
    MACHINE.weak_is_dead(weak)


def _finalize(self):
    MACHINE.finalize(self)


def _on_scan(phase, info):
    if MACHINE is not None and MACHINE.watching:
        MACHINE.scans.append(Todo((phase, info["generation"], info["collected"])))


gc.callbacks.append(_on_scan)


CLASSES = {}


def class_of(slots, finalizer, weak):
    """
    A class for a type of scripts. Kept for all scripts: a class is a cycle, which would be found
    when it goes.
    """
    key = (slots, finalizer, weak)
    if key not in CLASSES:
        names = [f"s{i}" for i in range(slots)] + (["__weakref__"] if weak else [])
        body = {"__slots__": names}
        if finalizer:
            body["__del__"] = _finalize
        CLASSES[key] = type(f"T{len(CLASSES)}", (), body)
    return CLASSES[key]


class Failed(Exception):
    """A line that cannot be carried out."""


class Undecided(Exception):
    """What a line does depends on an order that nobody promises."""


# What the machine itself makes while objects of a script die may come to lie where one of these
# was. So it is of types that scripts do not have.
class Found(dict):
    """Numbers and objects."""


class Todo(list):
    """Objects to be looked at; a scan that is told of."""


class Event:
    """An event that waits: what, of which number, and the object that it carries."""

    __slots__ = ("kind", "number", "obj")

    def __init__(self, kind, number, obj):
        self.kind = kind
        self.number = number
        self.obj = obj


class Machine:
    """One script. run() carries out a line and gives its answer, or None when it has none."""

    def __init__(self):
        global MACHINE
        MACHINE = self
        self.names = {}
        self.types = {}
        self.type_of = {}           # class: name, for the object types of this script
        self.serials = {}           # id(object): (number, type), of live containers
        self.numbers = 0
        self.ages = {}              # number: generation, as if all were tracked
        self.targets = {}           # number of a weak reference: that of its object
        self.cleared = set()        # weak references that are dead by rule
        self.queue = []
        self.callbacks = set()      # numbers of weak references that have one
        self.dead = set()           # numbers of what is dead
        self.news = []              # events since the line began
        self.garbage = set()        # what the line's scan found
        self.watching = False
        self.scans = []             # what gc.callbacks were told, since the last events
        gc.collect()
        gc.freeze()
        gc.collect()

    def stop(self):
        """Lets go of all, and makes garbage collection forget this script."""
        self.watching = False
        self.cleared = {*self.targets}
        self.names.clear()
        self.queue.clear()
        self.news.clear()
        gc.collect()
        self.queue.clear()
        self.news.clear()
        gc.collect()
        gc.unfreeze()

    # Objects.

    def live(self):
        """Number: object, for all containers that are alive."""
        found = Found()
        todo = Todo(gc.get_objects())
        todo.extend(self.names.values())
        for event in self.queue:
            todo.append(event.obj)
        while todo:
            obj = todo.pop()
            number = self.number(obj)
            if number is None or number in found:
                continue
            found[number] = obj
            todo.extend(gc.get_referents(obj))
        return found

    def settle(self):
        """Forgets the numbers of what has died: its address may be used again."""
        alive = self.live()
        if len(alive) != len(self.serials):
            self.look_at_order(alive)
            self.serials = {id(obj): (number, type(obj)) for number, obj in alive.items()}
        return alive

    def look_at_order(self, alive):
        """
        Rule 5: when a weak reference with a callback and its object die together, not as garbage,
        it depends on which is first whether there is an event. CPython's lists drop their last
        element first, those of refslab their first.
        """
        events = {event.number for event in self.news}
        for number in {number for number, _ in self.serials.values()} - {*alive}:
            target = self.targets.get(number)
            if number in self.callbacks and number not in self.garbage and \
                    (target in events or target not in alive) and target not in self.garbage \
                    and target not in self.dead:
                raise Undecided
        self.dead |= {number for number, _ in self.serials.values()} - {*alive}

    def look_at_events(self):
        """The same where it is the event that keeps the weak reference."""
        for event in self.news:
            # the machine's list, the event, the argument of getrefcount(): nobody else
            if event.kind == "weakref" and event.number not in self.garbage and \
                    sys.getrefcount(event.obj) - 1 <= 1:
                raise Undecided

    def container(self, obj):
        """A new container."""
        self.numbers += 1
        self.serials[id(obj)] = (self.numbers, type(obj))
        self.ages[self.numbers] = 0
        return obj

    def number(self, obj):
        """Its number; None for an atom, and for what is not of the script."""
        number, cls = self.serials.get(id(obj), (None, None))
        return number if type(obj) is cls else None

    def get(self, name):
        """What a name stands for."""
        if name not in self.names:
            raise Failed(f"no {name}")
        return self.names[name]

    # Finalizers and weak references.

    def finalize(self, obj):
        """The finalizer: an event, which carries the object."""
        number = self.number(obj)
        # Rule 2: weak references are dead before an object is finalized, however it came to it.
        # Those of garbage are, here as well. The most recent one is called first.
        for weak in weakref.getweakrefs(obj):
            self.cleared.add(self.number(weak))
            if weak.__callback__ is not None:
                self.announce(Event("weakref", number, weak))
        self.announce(Event("finalize", number, obj))
        # It is young again when its last reference went; a scan says what it is, afterwards.
        self.ages[number] = 0

    def announce(self, event):
        """One more event."""
        self.queue.append(event)
        self.news.append(event)

    def weak_is_dead(self, weak):
        """The callback of a weak reference."""
        number = self.number(weak)
        if number is not None and number not in self.cleared:
            self.announce(Event("weakref", self.targets[number], weak))

    # The collector.

    def references(self, alive):
        """Number: the numbers that it refers to, one for each reference."""
        return {
            number: [self.number(x) for x in gc.get_referents(obj) if self.number(x)]
            for number, obj in alive.items()
        }

    def unreachable(self, alive, scanned, edges):
        """
        What a scan of these numbers has to find: those that nothing outside leads to, without what
        is to be finalized and all it reaches.
        """
        outside = {n: sys.getrefcount(alive[n]) - 2 for n in scanned}
        for number in scanned:
            for to in edges[number]:
                if to in outside:
                    outside[to] -= 1
        kept = self.reach([n for n, count in outside.items() if count > 0], scanned, edges)
        garbage = self.found = scanned - kept
        announced = [
            n for n in garbage
            if hasattr(type(alive[n]), "__del__") and not gc.is_finalized(alive[n])
        ]
        return garbage - self.reach(announced, garbage, edges)

    @staticmethod
    def reach(todo, within, edges):
        """All that they lead to, without leaving a set."""
        found = set()
        todo = [n for n in todo if n in within]
        while todo:
            number = todo.pop()
            if number not in found:
                found.add(number)
                todo.extend(n for n in edges[number] if n in within)
        return found

    @staticmethod
    def tracked_there(obj):
        """Rule 1: does refslab track it? All containers, but for the empty tuple, a constant."""
        return obj != ()

    def do_collect(self, generation="2"):
        """Python's own answer; changed by the containers that only one of the two tracks."""
        generation = int(generation)
        alive = self.settle()
        edges = self.references(alive)
        here = {
            self.number(obj) for g in range(generation + 1) for obj in gc.get_objects(g)
            if self.number(obj)
        }
        there = {
            n for n, obj in alive.items()
            if self.ages[n] <= generation and self.tracked_there(obj)
        }
        expected_here = len(self.unreachable(alive, here, edges))
        expected = self.unreachable(alive, there, edges)
        self.garbage = self.found
        before = dict(self.ages)
        alive.clear()
        found = gc.collect(generation)
        # What follows is worth nothing when Python does not do what is thought of it.
        assert found == expected_here, (found, expected_here)
        if self.watching:
            assert self.scans[-2:] == [["start", generation, 0], ["stop", generation, found]]
            self.scans[-1][2] = len(expected)
        for number in self.settle():
            if before[number] <= generation:
                self.ages[number] = min(generation + 1, 2)
        return {"collect": generation, "unreachable": len(expected), "uncollectable": 0}

    # Statements that make something.

    def do_int(self, value):
        return int(value)

    def do_str(self, text):
        return "".join(text)

    def do_float(self, value):
        return float(value)

    def do_bytes(self, value):
        return bytes.fromhex(value)

    def do_list(self, *names):
        return self.container([self.get(n) for n in names])

    def do_tuple(self, *names):
        made = tuple([self.get(n) for n in names])
        return self.container(made) if made else made

    def do_set(self, *names):
        return self.container({self.get(n) for n in names})

    def do_dict(self, *names):
        return self.container(
            {self.get(k): self.get(v) for k, v in zip(names[::2], names[1::2])}
        )

    def do_instance(self):
        return self.container(Instance())

    def do_type(self, name, *options):
        slots = 0
        for option in options:
            if option.startswith("slots="):
                slots = int(option[6:])
        self.types[name] = class_of(slots, "finalizer" in options, "weakref" in options)
        self.type_of[self.types[name]] = name

    def do_new(self, name):
        return self.container(self.types[name]())

    def do_weak(self, name, *options):
        target = self.get(name)
        weak = self.container(Weak(target, _on_dead if options else None))
        self.targets[self.number(weak)] = self.number(target)
        if options:
            self.callbacks.add(self.number(weak))
        return weak

    def do_deref(self, name):
        weak = self.get(name)
        return None if self.number(weak) in self.cleared else weak()

    def do_event(self):
        event = self.queue.pop(0)
        return event.obj, self.event(event)

    # Statements that change something.

    def do_append(self, to, x):
        self.get(to).append(self.get(x))

    def do_insert(self, to, index, x):
        self.get(to).insert(int(index), self.get(x))

    def do_pop(self, to, index):
        return self.get(to).pop(int(index))

    def do_setitem(self, to, index, x):
        to = self.get(to)
        to[int(index) if isinstance(to, list) else self.get(index)] = self.get(x)

    def do_delitem(self, to, index):
        to = self.get(to)
        del to[int(index) if isinstance(to, list) else self.get(index)]

    def do_item(self, of, index):
        of = self.get(of)
        return of[self.get(index) if isinstance(of, dict) else int(index)]

    def do_add(self, to, x):
        new = self.get(x) not in self.get(to)
        self.get(to).add(self.get(x))
        return {"add": new}

    def do_discard(self, to, x):
        found = self.get(x) in self.get(to)
        self.get(to).discard(self.get(x))
        return {"discard": found}

    def do_contains(self, of, x):
        return {"contains": self.get(x) in self.get(of)}

    def do_setattr(self, of, name, x):
        setattr(self.get(of), name, self.get(x))

    def do_getattr(self, of, name):
        return getattr(self.get(of), name)

    def do_delattr(self, of, name):
        delattr(self.get(of), name)

    def do_setslot(self, of, slot, x):
        setattr(self.get(of), f"s{slot}", self.get(x))

    def do_clearslot(self, of, slot):
        of, slot = self.get(of), f"s{slot}"
        if hasattr(of, slot):
            delattr(of, slot)

    def do_slot(self, of, slot):
        return getattr(self.get(of), f"s{slot}")

    def do_disable(self):
        gc.disable()

    def do_watch(self, what):
        self.watching = what == "gc"
        self.scans.clear()

    # Statements that tell something.

    def event(self, event):
        """What is said of an event."""
        if event.kind == "finalize":
            return {"event": event.kind, "id": event.number,
                    "type": self.type_of[type(event.obj)]}
        return {"event": event.kind, "id": event.number}

    def do_events(self):
        events, self.queue = self.queue, []
        # Made before anything dies, whose place it might take.
        answer = {"events": [self.event(event) for event in events]}
        for phase, generation, collected in self.scans:
            scan = {"event": f"gc_{phase}", "generation": generation}
            if phase == "stop":
                scan.update(collected=collected, uncollectable=0)
            answer["events"].append(scan)
        # Rule 5: in no order. That of a set's elements is not even the same twice.
        answer["events"].sort(key=repr)
        self.scans.clear()
        while events:
            del events[0]
        return answer

    def do_id(self, name):
        return {"id": self.number(self.get(name))}

    def do_refcount(self, name):
        return {"refcount": sys.getrefcount(self.get(name)) - 1}

    def do_len(self, name):
        return {"len": len(self.get(name))}

    def do_value(self, name):
        return {"value": self.get(name)}

    def do_is(self, a, b):
        return {"is": self.get(a) is self.get(b)}

    def do_typeof(self, name):
        obj = self.get(name)
        names = {Weak: "weakref", Instance: "instance"}
        return {"typeof": names.get(type(obj)) or self.type_of.get(type(obj))
                or type(obj).__name__}

    def do_tracked(self, name):
        obj = self.get(name)
        here, there = gc.is_tracked(obj), bool(self.number(obj)) and self.tracked_there(obj)
        assert here == there or isinstance(obj, (tuple, dict)), name
        return {"tracked": there}

    def do_finalized(self, name):
        return {"finalized": gc.is_finalized(self.get(name))}

    def do_count(self):
        # Rule 3: the first of the three is another matter.
        return {"count": [None, *gc.get_count()[1:]]}

    def do_objects(self, generation):
        """Numbers and reference counts."""
        generation = int(generation)
        alive = self.settle()
        there = [
            number for number, obj in alive.items()
            if self.tracked_there(obj) and self.ages[number] == generation
        ]
        here = [self.number(o) for o in gc.get_objects(generation) if self.number(o)]
        for number in {*here} ^ {*there}:
            assert isinstance(alive[number], (tuple, dict)), (number, here, there)
        counts = {number: sys.getrefcount(alive[number]) - 2 for number in there}
        return {"objects": sorted([number, counts[number]] for number in there)}

    def do_stat(self):
        alive = self.settle()
        return {"tracked": sum(map(self.tracked_there, alive.values()))}

    # Lines.

    def run(self, line):
        """Carries out a line."""
        self.news.clear()
        self.garbage = set()
        words = [m.group(1) if m.group(1) is not None else m.group(0)
                 for m in WORD.finditer(line)]
        if not words or words[0].startswith("#"):
            return None
        if len(words) > 2 and words[1] == "=":
            return self.bind(words[0], words[2], words[3:])
        if words[0] == "del":
            for name in words[1:]:
                self.get(name)
                del self.names[name]
            return self.done(None)
        answer = getattr(self, f"do_{words[0]}")(*words[1:])
        if words[0] == "pop":
            answer = None
        return self.done(answer)

    def bind(self, name, word, args):
        made = getattr(self, f"do_{word}", None)
        answer = None
        if made is None:
            value = self.get(word)
        elif word == "event":
            value, answer = made(*args)
        else:
            value = made(*args)
        if word == "deref" and value is None:
            self.names.pop(name, None)
            return self.done({"dead": True})
        self.names[name] = value
        value = None
        return self.done(answer)

    def done(self, answer):
        self.settle()
        self.look_at_events()
        self.news.clear()
        return answer
