# The program without a server of its own: compose brings Valkey. Two stages, so that no build tool is in the image.
FROM docker.io/library/python:3.11-slim-bookworm AS build
WORKDIR /src
# What runs goes into an environment without pip; what builds the program into one that stays behind.
COPY requirements.run.lock requirements.build.lock ./
RUN python -m venv --without-pip /opt/customs-watch \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements.build.lock \
 && /opt/build/bin/pip --python /opt/customs-watch/bin/python install --no-cache-dir --require-hashes -r requirements.run.lock
COPY pyproject.toml README.md LICENSE ./
COPY workers ./workers
COPY templates ./templates
COPY config/orders.example.yaml ./config/orders.example.yaml
COPY config/demo ./config/demo
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /opt/wheel . \
 && /opt/build/bin/pip --python /opt/customs-watch/bin/python install --no-cache-dir --no-deps /opt/wheel/*.whl

FROM docker.io/library/python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin watcher \
 && install -d -m 700 -o watcher -g watcher /var/lib/customs-watch
COPY --from=build /opt/customs-watch /opt/customs-watch
ENV PATH=/opt/customs-watch/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2 CW_CONFIG=/config/orders.yaml \
    CW_DATA=/var/lib/customs-watch
USER watcher
WORKDIR /home/watcher
ENTRYPOINT ["customs-watch"]
CMD ["status"]
