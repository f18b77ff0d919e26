"""Programs whose output and exit status must be the same with and without recording.

Each is a set of files, the arguments of `python`, and what is on stdin.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType
from typing import NamedTuple

PURE = ("text", "chained", "excepthook that fails", "swallows everything", "atexit", "teardown")
PURE += (
    "a thread that outlives main",
    "replaced stdout",
    "stack",
    "fork",
    "main is importable",
)
"""Programs that are run with the hot path in pure Python too."""


class Program(NamedTuple):
    name: str
    args: tuple[str, ...]
    files: dict[str, str]
    stdin: str = ""
    environ: Mapping[str, str] = MappingProxyType({})

    def write(self, folder: Path) -> None:
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")


def script(name: str, text: str, *args: str, stdin: str = "", **environ: str) -> Program:
    return Program(name, ("script.py", *args), {"script.py": text}, stdin, environ)


WHO_AM_I = """
    import os, sys
    print(sys.argv, sys.path, sys.orig_argv, sys.flags, sys.warnoptions, sys.executable)
    print(__name__, __file__, __spec__, __package__, __doc__, __loader__.__class__, __builtins__)
    print(sorted(vars()), sorted(vars(sys.modules["__main__"])))
    print(sorted(os.environ.items()), os.getcwd(), "sitecustomize" in sys.modules)
    print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.excepthook, sys.stdout)
"""

PROGRAMS = [
    # Who it is.
    script("who am i", WHO_AM_I, "a", "--level", "x", "-o", "y"),
    script("who am i with PYTHONPATH", WHO_AM_I, PYTHONPATH="lib:other"),
    script("who am i with an empty PYTHONPATH", WHO_AM_I, PYTHONPATH=""),
    Program(
        "who am i as a module",
        ("-m", "pkg.tool", "-m", "x"),
        {"pkg/__init__.py": "print('package')", "pkg/tool.py": WHO_AM_I},
    ),
    Program("who am i as a package", ("-mpkg", "x"), {"pkg/__main__.py": WHO_AM_I}),
    Program("a package without main", ("-m", "pkg"), {"pkg/__init__.py": ""}),
    Program("a module that is not there", ("-m", "nothing.here"), {}),
    Program("a module that fails", ("-m", "mod"), {"mod.py": "def f():\n  1/0\nf()"}),
    Program(
        "who am i in another folder",
        ("dir/script.py",),
        {
            "dir/script.py": "import near, sys\nprint(near.__file__, sys.path[0])",
            "dir/near.py": "",
        },
    ),
    Program("a folder", ("app", "1"), {"app/__main__.py": WHO_AM_I, "app/other.py": ""}),
    Program("a name with a space", ("a b é.py",), {"a b é.py": "print(__file__); 1/0"}),
    Program(
        "a name with a dash", ("--", "-x.py", "-m"), {"-x.py": "import sys; print(sys.argv)"}
    ),
    Program("a script that is not there", ("none.py",), {}),
    Program(
        "text", ("-c", "import sys; print(sys.argv, sys.path[0], __name__); 1/0", "-c", "a"), {}
    ),
    Program("text in one word", ("-cprint(vars().keys())",), {}),
    Program("stdin", ("-", "a"), {}, "import sys\nprint(sys.argv)\ndef f():\n    1/0\nf()\n"),
    Program(
        "a sitecustomize of its own",
        ("script.py",),
        {
            "lib/sitecustomize.py": "import os, sys\nif sys.argv[0] == 'script.py':\n"
            "    print('site', sys.path, sys.argv, __name__, __file__, os.environ['PYTHONPATH'])",
            "script.py": "import sitecustomize, sys\nprint(sitecustomize.__file__)",
        },
        environ={"PYTHONPATH": "lib"},
    ),
    Program(
        "a sitecustomize that fails",
        ("script.py",),
        {
            "lib/sitecustomize.py": "import sys\nif sys.argv[0] == 'script.py': 1/0",
            "script.py": "print(1)",
        },
        environ={"PYTHONPATH": "lib"},
    ),
    script("options by variables", WHO_AM_I, PYTHONOPTIMIZE="1", PYTHONWARNINGS="error"),
    script("development mode", "open(__file__)\nprint(1)", PYTHONDEVMODE="1"),
    # Exits.
    *(
        script(f"exit {what}", f"import sys\nprint('before')\nsys.exit({what})")
        for what in ("", "0", "3", "'a text'", "True", "256", "-1", "(1, 2)", "None", "2.5")
    ),
    script("exit of a subclass", "class E(SystemExit): pass\nraise E('x')"),
    script("exit of a group", "raise BaseExceptionGroup('g', [SystemExit(3)])"),
    script("exit in finally", "try:\n    1/0\nfinally:\n    raise SystemExit(4)"),
    script("os._exit", "import os\nprint('lost', end='')\nos._exit(7)"),
    script("abort", "import os\nos.abort()"),
    *(
        script(f"death by {name}", f"import os, signal\nos.kill(os.getpid(), signal.{name})")
        for name in ("SIGTERM", "SIGKILL", "SIGSEGV", "SIGINT")
    ),
    script("interrupt", "def f():\n    raise KeyboardInterrupt\nf()"),
    script(
        "interrupt with a handler",
        "import os, signal\nsignal.signal(signal.SIGINT, lambda *a: print(a[0]))\n"
        "os.kill(os.getpid(), signal.SIGINT)\nprint('after')",
    ),
    script(
        "exec",
        "import os, sys\nprint(1, flush=True)\nos.execv(sys.executable, ['p', '-c', 'print(2)'])",
    ),
    # Exceptions.
    script(
        "chained",
        """
        def f():
            try:
                {}["key"]
            except KeyError as error:
                error.add_note("a note")
                raise ValueError("second") from error
        f()
        """,
    ),
    script(
        "group",
        "raise ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [KeyError(2)])])",
    ),
    script("syntax error", "def f(:\n    pass\n"),
    script("indentation error", "if 1:\nprint(2)"),
    script("null byte", "x = 1\0"),
    Program("bad import", ("script.py",), {"script.py": "import mod", "mod.py": "def ("}),
    script("recursion", "def f():\n    f()\nf()"),
    script(
        "depth",
        """
        import sys
        depth = 0
        def f():
            global depth
            depth += 1
            f()
        try:
            f()
        except RecursionError:
            print(depth)
        """,
    ),
    script(
        "excepthook",
        "import sys\nsys.excepthook = lambda t, e, tb: print(t, e, tb.tb_lineno)\n1/0",
    ),
    script(
        "excepthook that fails", "import sys\ndef h(*a):\n    [][0]\nsys.excepthook = h\n1/0"
    ),
    script("excepthook that exits", "import sys\nsys.excepthook = lambda *a: sys.exit(5)\n1/0"),
    script("no excepthook", "import sys\ndel sys.excepthook\n1/0"),
    script(
        "swallows everything",
        """
        def g(n):
            try:
                raise ValueError(n)
            except BaseException as error:
                return repr(error)
        for n in range(50):
            print(g(n))
        """,
    ),
    # The end.
    script(
        "atexit",
        """
        import atexit, sys
        atexit.register(print, "first")
        @atexit.register
        def fails():
            raise ValueError("at exit")
        @atexit.register
        def registers():
            print("registers")
            sys.exit(9)
        sys.exit(3)
        """,
    ),
    script("atexit after an error", "import atexit\natexit.register(print, 'bye')\n1/0"),
    script("os._exit at exit", "import atexit, os\natexit.register(os._exit, 6)"),
    script(
        "teardown",
        """
        import weakref
        class C:
            def __del__(self):
                print("del", __name__)
        kept = C()
        cycle = C(); cycle.me = cycle
        weakref.finalize(kept, print, "finalize")
        """,
    ),
    script(
        "a thread that outlives main",
        """
        import threading
        done = threading.Event()
        def work():
            threading.main_thread().join()
            print("main is over", threading.main_thread().is_alive())
        threading.Thread(target=work).start()
        raise SystemExit(2)
        """,
    ),
    script(
        "a thread that fails",
        "import threading\nt = threading.Thread(target=lambda: 1/0)\nt.start()\nt.join()\nprint('on')",
    ),
    script(
        "a daemon thread",
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\nprint(1)",
    ),
    script(
        "a thread that exits",
        "import sys, threading\nt = threading.Thread(target=sys.exit)\nt.start()",
    ),
    # Streams.
    script("input", "print(input('name? '))\nprint(input())", stdin="ada\n"),
    script(
        "replaced stdout",
        "import io, sys\nsys.stdout = io.StringIO()\nprint(1)\nprint(2, file=sys.stderr)",
    ),
    script(
        "redirected",
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as s:\n    print(1)\n"
        "    print(2)\nprint(repr(s.getvalue()))",
    ),
    script("no stdout", "import sys\nsys.stdout = None\nprint(1)\nsys.stderr = None\n1/0"),
    script("closed stdout", "import sys\nsys.stdout.close()"),
    script("closed descriptor", "import os\nprint(1)\nos.close(1)"),
    script("closed stderr", "import os, sys\nos.close(2)\n1/0"),
    script(
        "bytes",
        "import sys\nsys.stdout.buffer.write(b'raw\\n')\nprint('text')\nsys.stdout.write('w')",
    ),
    script(
        "a stdout that fails",
        "import sys\nclass S:\n    def write(self, t): raise ValueError(t)\n"
        "    def flush(self): raise KeyError('flush')\nsys.stdout = S()\nprint(1)",
    ),
    script("latin", "print('é')", PYTHONIOENCODING="latin-1"),
    # Looking at itself.
    script("stack", "import traceback\ndef f():\n    traceback.print_stack()\nf()"),
    script(
        "frames",
        "import inspect, sys\nprint(len(inspect.stack()), sys._getframe().f_back, sys.gettrace)",
    ),
    script(
        "warnings",
        "import warnings\nwarnings.warn('a', DeprecationWarning)\nwarnings.warn('b', stacklevel=2)\n"
        "warnings.warn('c', stacklevel=3)",
    ),
    script(
        "log",
        "import logging\nlogging.warning('a %s', 1, stack_info=True)\nlogging.getLogger('x').error('b')",
    ),
    script(
        "main is importable",
        """
        import __main__, copy, dataclasses, enum, pickle, typing
        @dataclasses.dataclass
        class Point:
            x: "int"
            other: "Point | None" = None
        class Colour(enum.Enum):
            RED = 1
        assert __main__.Point is Point
        print(pickle.loads(pickle.dumps([Point(1, Point(2)), Colour.RED])), copy.deepcopy(Point(3)))
        print(typing.get_type_hints(Point), Point.__module__, pickle.dumps(Point)[:30])
        """,
    ),
    script(
        "objects die",
        """
        import gc, weakref
        class C: pass
        def f():
            c = C()
            return weakref.ref(c)
        print(f()(), gc.isenabled(), gc.get_threshold(), gc.get_debug())
        """,
    ),
    # Processes.
    *(
        script(
            f"multiprocessing by {method}",
            f"""
            import multiprocessing, os, sys
            class Item:
                def __init__(self, n): self.n = n
            def work(item):
                return item.n * 2, __name__, type(item).__module__
            if __name__ == "__main__":
                context = multiprocessing.get_context("{method}")
                with context.Pool(2) as pool:
                    print(pool.map(work, [Item(1), Item(2)]))
                process = context.Process(target=sys.exit, args=(3,))
                process.start()
                process.join()
                print(process.exitcode)
            """,
        )
        for method in ("spawn", "fork", "forkserver")
    ),
    script(
        "fork",
        """
        import os, sys
        print("before", flush=True)
        pid = os.fork()
        if not pid:
            print("child", flush=True)
            sys.exit(5)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """,
    ),
    script(
        "a fork that fails",
        "import os\npid = os.fork()\nif not pid:\n    1/0\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    ),
    script(
        "a fork whose parent leaves first",
        "import os\nr, w = os.pipe()\nif os.fork():\n    os.close(w)\n    os.read(r, 1)\n    raise SystemExit(1)\n"
        "print('child', flush=True)",
    ),
    script(
        "a child process",
        "import os, subprocess, sys\n"
        "print(subprocess.run([sys.executable, '-c', 'import os; print(sorted(os.environ))'],"
        " capture_output=True).stdout)",
    ),
    script(
        "another folder", "import os\nos.mkdir('sub')\nos.chdir('sub')\nprint(os.getcwd())\n1/0"
    ),
    script(
        "asyncio",
        """
        import asyncio
        async def main():
            await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))
            raise ValueError("async")
        asyncio.run(main())
        """,
    ),
    script(
        "the API",
        "import pytest_recorder\nprint(pytest_recorder.is_tracing())\npytest_recorder.stop()\n"
        "pytest_recorder.flush()\nprint(pytest_recorder.policy_snapshot())",
    ),
]

if sys.version_info >= (3, 12):
    # On 3.11 there is one place for a trace function, and the recorder has it.
    PROGRAMS += [
        script(
            "settrace",
            """
            import sys
            seen = []
            def trace(frame, event, arg):
                seen.append((event, frame.f_code.co_name, frame.f_lineno))
                return trace
            def f():
                return 1
            print(sys.gettrace())
            sys.settrace(trace)
            f()
            sys.settrace(None)
            print(seen)
            """,
        ),
        script(
            "a recording of its own",
            "import pytest_recorder\nwith pytest_recorder.trace('mine'):\n    print(1)\n"
            "with pytest_recorder.open_trace('mine/trace.pyrec') as t:\n    print(t.status)",
        ),
    ]
