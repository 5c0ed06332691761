# The image of the service: `docker build -t fastify-chat .`. The arguments of the image are the commands of the program:
# `serve` (the default), `migrate up`, `keys generate`, … The service listens on port 8000 and reads its settings
# (.env.example) from the environment. It needs no volume, no capability and no writable file system. docs/operations.md
# describes how to run it.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY client/package.json client/
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY LICENSE ./
COPY tools/*.js tools/
COPY tools/notices tools/notices
COPY client/src client/src
COPY src src
COPY plugins plugins
COPY routes routes
RUN npm run build

# Installs the production dependencies. In package.json, Fastify and the packages for mails, passkeys, metrics, Redis, other
# token issuers and progress bars are peer and development dependencies. This stage turns them into dependencies, at the
# locked versions. It does not install the embedded database and pino-pretty, which are not for production.
FROM ${NODE_IMAGE} AS modules
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm \
  for name in fastify ioredis jose nodemailer cli-progress @simplewebauthn/server prom-client; do \
    npm pkg set "dependencies.$name=$(npm pkg get "devDependencies.$name" | tr -d '"')" || exit 1; \
  done \
  && npm pkg delete workspaces devDependencies peerDependencies peerDependenciesMeta \
  && npm ci --ignore-scripts --no-audit --no-fund
COPY --from=build /app/dist dist
COPY tools/sbom.js tools/
RUN node tools/sbom.js > sbom.cdx.json
# Declarations and source maps are not used at runtime.
RUN find . -type f \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' \) -delete

FROM ${NODE_IMAGE}
ARG VERSION=0.0.0-local
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="fastify-chat" \
  org.opencontainers.image.description="A secure, self-hosted real-time chat service" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}" \
  org.opencontainers.image.source="${SOURCE}"
ENV NODE_ENV=production
# Most objects of a message are needed only for a few milliseconds. With more space for new objects, the garbage collector
# copies fewer of them.
ENV NODE_OPTIONS=--max-semi-space-size=32
WORKDIR /app
# The files are owned by root, so that the service can't change its own code.
COPY package.json LICENSE ./
COPY drizzle drizzle
COPY --from=modules /app/node_modules node_modules
COPY --from=modules /app/dist dist
COPY --from=modules /app/sbom.cdx.json .
# The user is a number, so that an orchestrator can verify that it is not root. 1000 is the user `node` of the base image.
USER 1000:1000
EXPOSE 8000
# Checks liveness and not readiness. With readiness, an orchestrator that restarts unhealthy containers would drop every
# connection during an outage of the database. Load balancers use /health/ready.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8000}/health/live`, { signal: AbortSignal.timeout(4000) }).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
# Starts node without a shell or npm, so that node receives signals.
ENTRYPOINT ["node", "/app/dist/src/cli.js"]
CMD ["serve"]
