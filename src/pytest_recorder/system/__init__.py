"""What is taken from the interpreter and the operating system, before a test can replace it.

PYTEST_DONT_REWRITE

Whatever runs while tests run calls nothing else of them; `tools/original_calls.py` checks it.

- `originals`: the functions in C, as attributes of `OS`, `INTERPRETER` and `CLOCKS`; threads, locks
- `files`: look at, read, write, make and remove files; descriptors that the program does not meet
- `paths`: `FilePath`, a text with `/`, `parent`, `name` and the like
- `clock`: the time of the wall that cannot be faked, time to measure by, a time as text
- `ids`: random ids
- `json_text`: JSON of plain data, written and read
- `mapped`: a file in memory that grows; `ballast`: room for what is written when memory is used up
- `detached`: a process of ours that the program does not meet
- `atomic_write`: files that are there when they are whole
- `slots`: what the interpreter keeps of types and exceptions, past what their classes say
- `locks`: locks on files, and whether a process lives
- `compiled`: which parts in C are used
"""
