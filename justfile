# `just <recipe>`; VENV names another virtual environment, PYTHON another interpreter for it.

venv := env("VENV", ".venv")
bin := venv / "bin"
python := env("PYTHON", "python3")

# List the recipes.
default:
    @just --list

# Make the virtual environment with everything development needs.
install:
    {{ python }} -m venv {{ venv }}
    {{ bin }}/python -m pip install --quiet --editable '.[dev]'

# Run the tests; arguments go to pytest.
test *args:
    {{ bin }}/python -m pytest -n auto {{ args }}

# What takes half a second in it is named at the end, to be marked as slow.
# Run the tests most likely to fail, in less than a minute; arguments go to pytest.
test-fast *args:
    TEST_GROUP=fast {{ bin }}/python -m pytest -n auto --durations=5 --durations-min=0.5 {{ args }}

# Check style, types and layers; change nothing.
lint:
    {{ bin }}/ruff check
    {{ bin }}/ruff format --check
    {{ bin }}/mypy
    {{ bin }}/pyright --pythonpath {{ bin }}/python
    {{ bin }}/lint-imports
    {{ bin }}/python tools/errors_audit.py
    {{ bin }}/python tools/original_calls.py
    {{ bin }}/python tools/generate_format.py --check
    {{ bin }}/python tools/option_tables.py --check
    {{ bin }}/python tools/c_layers.py
    {{ bin }}/check-jsonschema --builtin-schema vendor.github-workflows examples/ci/github.yml .github/workflows/*.yml
    {{ bin }}/check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci examples/ci/gitlab-ci.yml
    {{ bin }}/check-jsonschema --builtin-schema vendor.azure-pipelines --data-transform azure-pipelines --regex-variant nonunicode examples/ci/azure-pipelines.yml
    {{ bin }}/check-jsonschema --builtin-schema vendor.buildkite examples/ci/buildkite.yml

# Look for errors that are not ours, swallowed ones, asserts and output, in the syntax of the package.
errors-audit *args:
    {{ bin }}/python tools/errors_audit.py {{ args }}

# Run the tests that concern the errors of the recorder; arguments go to pytest.
test-errors *args:
    {{ bin }}/python -m pytest -n auto tests/unit/test_errors.py tests/unit/test_errors_audit.py \
        tests/unit/settings/test_policy.py tests/unit/settings/test_process_policy.py tests/unit/diagnostics/test_guard.py tests/faults {{ args }}

# Let ruff write the format, and mend what it can.
format:
    {{ bin }}/ruff check --fix
    {{ bin }}/ruff format

# Write what every language and the documents need of the trace format, from `format/table.py`.
format-table:
    {{ bin }}/python tools/generate_format.py

# Write the tables of options into README.md and docs/.
docs:
    {{ bin }}/python tools/option_tables.py

# Write the JSON Schema of log lines, trailers and the index into docs/.
schemas:
    {{ bin }}/python -c "from pathlib import Path; from pytest_recorder.diagnostics.schema import SCHEMAS, schema_text; [(Path('docs') / name).write_text(schema_text(name)) for name in SCHEMAS]"
    {{ bin }}/python -c "from pathlib import Path; from pytest_recorder.tracefile.index_schema import SCHEMA_NAME, schema_text; Path('docs', SCHEMA_NAME).write_text(schema_text())"

# Compare the suites of other projects with and without recording; arguments go to the command.
real-suites *args:
    {{ bin }}/python bench/real_suites.py {{ args }}

# Try pytest plugins with and without recording, alone and together; arguments go to the command.
plugins *args:
    {{ bin }}/python bench/plugins.py {{ args }}

# Compare recording with other tools and with the limit (hours), and write the tables; arguments go to the command.
bench *args:
    {{ bin }}/python bench/compare.py --suites --output docs/performance.md {{ args }}

# Build the parts in C with AddressSanitizer and UBSan, into a folder that `sanitize` puts before the environment.
build-sanitized:
    CFLAGS="-O1 -g -UNDEBUG -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined" \
    LDFLAGS="-fsanitize=address,undefined" \
        {{ bin }}/python -m pip install --quiet --no-deps --no-cache-dir --upgrade --target {{ venv }}-sanitize .

# Leaks are what the tests of reference counts and memory prove: the interpreter's own would hide ours.
# Run the contract of the engines on the parts in C under AddressSanitizer and UBSan.
sanitize *args="tests/engines/test_native.py tests/engines/test_positions.py tests/engines/test_levels.py tests/engines/test_objects_in_view.py tests/engines/test_contract.py tests/engines/test_helpers_that_misbehave.py tests/undisturbed/test_nothing_of_the_program_runs.py": build-sanitized
    LD_PRELOAD="$(cc -print-file-name=libasan.so) $(cc -print-file-name=libubsan.so)" \
    PYTHONMALLOC=malloc ASAN_OPTIONS="detect_leaks=0:log_path={{ absolute_path(venv) }}-sanitize/report" \
        UBSAN_OPTIONS=print_stacktrace=1 \
        PYTHONPATH={{ absolute_path(venv) }}-sanitize \
        {{ bin }}/python -m pytest -n auto -k "not recursion and not ten_thousand" {{ args }} || \
        { cat {{ venv }}-sanitize/report.* 2>/dev/null; exit 1; }

# What fails lies in `fuzz-found`, with a traceback; `--runs N` or `--seconds N` says how much of it.
# Mutate traces, spools and indexes, guided by coverage, and give them to every reader and command.
fuzz *args:
    {{ bin }}/python -m tests.fuzz {{ args }}

# A program that is recorded wrong is named by its seed: `--seed N --programs 1` runs it, `--show` prints it.
# Record random programs, and compare every value at every event with what a tracer of its own sees.
fuzz-values *args:
    {{ bin }}/python -m tests.fuzz_values {{ args }}

# Give what is mutated to the scan in C under AddressSanitizer and UBSan.
fuzz-sanitized *args="decoders files --seconds 60": build-sanitized
    LD_PRELOAD="$(cc -print-file-name=libasan.so) $(cc -print-file-name=libubsan.so)" \
    PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 PYTHONPATH={{ absolute_path(venv) }}-sanitize \
        {{ bin }}/python -m tests.fuzz {{ args }}

# pytest checks the assertions of test modules with `-O` too, and warns that those of others are skipped.
# Run the hostile programs recorded: under the sanitizers, optimized, in development mode, and with every warning an error.
hostile *args="tests/undisturbed/test_hostile_programs.py tests/undisturbed/test_nothing_of_the_program_runs.py": build-sanitized
    LD_PRELOAD="$(cc -print-file-name=libasan.so) $(cc -print-file-name=libubsan.so)" \
    PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 PYTHONPATH={{ absolute_path(venv) }}-sanitize \
        {{ bin }}/python -m pytest -n auto -k "not recursion" {{ args }}
    {{ bin }}/python -O -m pytest -n auto -W 'ignore:assertions not in test modules:pytest.PytestConfigWarning' {{ args }}
    {{ bin }}/python -X dev -W error -m pytest -n auto {{ args }}

# Compile all that is in C with every warning an error: for this Python, and on its public API from 3.12 on.
warnings:
    #!/usr/bin/env bash
    set -euo pipefail
    flags="$({{ bin }}/python -c 'import sysconfig; print("-I" + sysconfig.get_path("include"))') -Isrc/pytest_recorder/format"
    flags="$flags -std=c11 -D_GNU_SOURCE -fno-strict-aliasing -O2 -Wall -Wextra -Werror -c -o /dev/null"
    is_new=$({{ bin }}/python -c 'import sys; print(int(sys.version_info >= (3, 12)))')
    for unit in src/pytest_recorder/engine/native/unit.c src/pytest_recorder/engine/_taps.c src/pytest_recorder/system/*.c \
        src/pytest_recorder/tracefile/*.c; do
        cc $flags "$unit"
        if [ "$is_new" = 1 ]; then
            cc $flags -DHOT_PUBLIC=1 "$unit"
        fi
    done

# Write the tables of docs/policy.md from real runs of every cell.
policy-tables:
    {{ bin }}/python -m tests.faults.table

# Build the hot path in C on the public API of Python, which versions get whose frames it does not know (not 3.11).
build-public:
    PYTEST_RECORDER_BUILD=public \
        {{ bin }}/python -m pip install --quiet --no-deps --no-cache-dir --upgrade --target {{ venv }}-public .

# Run the contract of the engines on the hot path in C that uses the public API of Python only.
contract-public *args="tests/engines": build-public
    PYTHONPATH={{ absolute_path(venv) }}-public {{ bin }}/python -c \
        'from pytest_recorder.engine.native import _native; assert _native.BUILD == "public"; print(_native.__file__)'
    PYTHONPATH={{ absolute_path(venv) }}-public {{ bin }}/python -m pytest -n auto {{ args }}

# Build the page's script and style sheet anew; what is built is committed.
viewer:
    cd web && npm ci --no-audit --no-fund && npm run build

# Check that the committed build is that of the sources, and test it in a browser (`CHROMIUM` names one).
viewer-test *args:
    cd web && npm ci --no-audit --no-fund && npm run check
    cd web && npm run compare
    cd web && PYTHON={{ absolute_path(bin / "python") }} npm test -- {{ args }}

# Measure how a page of a million events opens and scrolls; arguments go to the command.
viewer-bench *args:
    {{ bin }}/python bench/viewer.py {{ args }}

# Record the example suite (three of its tests fail) and show the first failure.
example:
    {{ bin }}/pytest --record-trace examples/shop || test $? -eq 1
    {{ bin }}/pytest-recorder show --at failure -n 30 test-traces

# Run what CI runs.
ci:
    .ci/run
