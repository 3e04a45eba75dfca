# The runtime as one container: the binary with Acme's validators, the manifest and the SQL that it executes.
# DuckDB is only the embedded default; an image links it from source (`bundled-duckdb`), so that it needs no other library.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p acme-pipeline --features covenant-runtime/bundled-duckdb \
    && strip target/release/covenant-runtime

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/covenant --create-home covenant
COPY --from=build /src/target/release/covenant-runtime /usr/local/bin/covenant-runtime
COPY --from=build /src/generated/manifest.json /etc/covenant/manifest.json
COPY --from=build /src/generated/duckdb /etc/covenant/duckdb
USER 10001
ENV COVENANT_MANIFEST=/etc/covenant/manifest.json \
    COVENANT_DATA_DIR=/var/lib/covenant
VOLUME /var/lib/covenant
# The status page listens on loopback unless COVENANT_HTTP_ADDR says otherwise.
ENTRYPOINT ["/usr/local/bin/covenant-runtime"]
CMD ["run"]
