# Ringfence in one static binary, GraphiQL inside, on an empty root: no shell, no packages, nothing to write but /data.
#   docker build -t ringfence .

# The page. Only what npm needs first, so that its layer stays as long as the lock file does.
FROM node:22-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/index.html web/vite.config.js ./
COPY web/src ./src
RUN npm run build

# The program.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist ./web/dist
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o /out/ringfence .
# A new volume takes owner and rights from this folder.
RUN mkdir -m 0750 /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/ringfence /ringfence
USER 65532:65532
ENV RINGFENCE_LISTEN=:8080 RINGFENCE_DATA_DIR=/data
EXPOSE 8080
VOLUME /data
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/ringfence", "livez"]
ENTRYPOINT ["/ringfence"]
CMD ["serve"]
