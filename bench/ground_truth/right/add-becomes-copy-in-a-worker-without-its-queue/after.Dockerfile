FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/jobs
COPY worker.js ./
USER node
CMD ["node", "worker.js"]
