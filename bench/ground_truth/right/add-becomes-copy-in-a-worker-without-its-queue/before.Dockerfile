FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/jobs
ADD worker.js ./
USER node
CMD ["node", "worker.js"]
