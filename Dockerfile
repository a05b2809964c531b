# The program without a server of its own: compose brings Valkey. Two stages, so that no build tool is in the image.
FROM docker.io/library/python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY workers ./workers
COPY templates ./templates
COPY config/orders.example.yaml ./config/orders.example.yaml
COPY config/demo ./config/demo
RUN python -m venv /opt/customs-watch \
 && /opt/customs-watch/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/customs-watch/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM docker.io/library/python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin watcher \
 && install -d -m 700 -o watcher -g watcher /var/lib/customs-watch
COPY --from=build /opt/customs-watch /opt/customs-watch
ENV PATH=/opt/customs-watch/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 CW_CONFIG=/config/orders.yaml \
    CW_DATA=/var/lib/customs-watch
USER watcher
WORKDIR /home/watcher
ENTRYPOINT ["customs-watch"]
CMD ["status"]
