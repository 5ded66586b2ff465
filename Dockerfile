# Not tested yet: there was no engine at hand where this was written. `docker build -t ingest .` at the root.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p ingest-cli

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home ingest
COPY --from=build /src/target/release/ingest /usr/local/bin/ingest
USER ingest
# Documents and the store: `docker run -v "$PWD:/data" ingest run docs/`.
WORKDIR /data
ENTRYPOINT ["ingest"]
