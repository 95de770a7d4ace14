# make demo    set up and search NAS-Bench-201 on its real training results
# make test    set up and run the tests
# make lint    ruff and mypy
# make pages   write the options of every tool into its page, from --help
# make docs    the documentation as a site, in build/site
# make bench   speed and sample efficiency, as ratios
# make audit   look the installed packages up among known weaknesses; needs the network
# make generators   train the generators that come along, about 40 minutes
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# torch first and pinned: this release has a CPU build, where a bare "torch" may bring gigabytes of CUDA.
$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q "pip>=25.1"
	$(BIN)/pip install -q "torch==2.13.0"
	$(BIN)/pip install -q -e ".[analog,plot]"
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/pip install -q --group dev
	touch $@

.PHONY: setup demo test lint pages docs bench generators
setup: $(VENV)/.dev

demo: $(VENV)/.installed
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pages: $(VENV)/.installed
	$(BIN)/python docs/pages.py

# The pages stay in the folders they have here, so the links between them do too.
PAGES := $(wildcard README.md CHANGELOG.md CONTRIBUTING.md docs/*.md docs/*.css docs/*/*.png docs/*/*.svg tools/*/README.md examples/*.sh examples/*.ipynb)
docs: $(VENV)/.dev
	$(BIN)/pip install -q --group docs
	rm -rf build/pages && mkdir -p build/pages
	tar cf - $(PAGES) | tar xf - -C build/pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/.dev
	$(BIN)/python -m bench

# Without the network this says so and is no failure: it is called where there is one, and after each change of pyproject.toml.
audit: $(VENV)/.dev
	$(BIN)/pip install -q --group audit
	$(BIN)/python -m tests.audit

WEIGHTS := shared/agnet/generator/weights
generators: $(VENV)/.installed
	$(BIN)/train-gen --space nb101 --epochs 4 -o $(WEIGHTS)/nb101.safetensors
	$(BIN)/train-gen --space nb201 -o $(WEIGHTS)/nb201.safetensors
	$(BIN)/train-gen --space nb301 --sample 400000 --epochs 2 -o $(WEIGHTS)/nb301.safetensors
	$(BIN)/train-gen --space nbnlp --sample 250000 --epochs 4 -o $(WEIGHTS)/nbnlp.safetensors
	$(BIN)/train-gen --space nb101 --model agnet --sample 40000 -o $(WEIGHTS)/nb101-agnet.safetensors
	$(BIN)/train-gen --space nb201 --model agnet -o $(WEIGHTS)/nb201-agnet.safetensors
	$(BIN)/train-gen --space nb301 --model agnet --sample 40000 -o $(WEIGHTS)/nb301-agnet.safetensors
	$(BIN)/train-gen --space nbnlp --model agnet --sample 40000 -o $(WEIGHTS)/nbnlp-agnet.safetensors
