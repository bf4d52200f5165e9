# The whole pipeline on simulated captures, on CPUs:
#
#   docker build -t psface .
#   docker run --name psface-run psface
#   docker cp psface-run:/home/psface/psface/reports .
#
# Your own captures: docker run -it -v /path/to/captures:/captures:ro psface bash, then
# `dvc exp run -S ingest.root=/captures ...`.
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

# Builds of torch for CPUs, which are a tenth of the size. For a GPU: --build-arg TORCH_INDEX=
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_EXTRA_INDEX_URL=$TORCH_INDEX PIP_NO_CACHE_DIR=1

RUN useradd --create-home psface
USER psface
WORKDIR /home/psface/psface
COPY --chown=psface:psface . .
RUN make setup
ENV PATH=/home/psface/psface/.venv/bin:$PATH

CMD ["make", "run"]
