# syntax=docker/dockerfile:1
# One image for both processes: the worker by default, the webhook with
# `command: ["node", "--max-semi-space-size=64", "--no-memory-reducer", "build/webhook/main.js"]` (a
# larger young half of the heap: under load, garbage collection was a seventh of its time; at rest
# node drops no compiled code, so that a burst finds it), the command line with
# `node build/cli/run-process.js`. The worker's flags keep what a reconciliation reads out of the old
# half of the heap. Both are those of package.json.

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
# Compiles, and prebuilds the workflow bundle, so that a worker starts without a compiler.
RUN npm run build

FROM node:22-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/build ./build
COPY package.json LICENSE ./
# What must outlive the container (the spool, an archive in a folder) is mounted at /data.
RUN install -d -o node -g node -m 700 /data
ENV COUNTERSIGN_DATA=/data ARCHIVE_URL=file:/data/archive WEBHOOK_HOST=0.0.0.0 \
    WORKER_METRICS_ADDRESS=0.0.0.0:9464
USER node
VOLUME /data
EXPOSE 3000 9464
# The webhook answers on 3000, the worker serves its metrics on 9464 once its runtime is there.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["node", "-e", \
  "Promise.any(['http://127.0.0.1:3000/health/ready','http://127.0.0.1:9464/metrics'].map((u)=>fetch(u).then((r)=>{if(!r.ok)throw r.status}))).catch(()=>process.exit(1))"]
# `node` itself gets SIGTERM, and ends in order.
CMD ["node", "--no-allocation-site-pretenuring", "--min-semi-space-size=16", "build/worker/main.js"]
