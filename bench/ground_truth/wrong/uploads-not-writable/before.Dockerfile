FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/forum
COPY --chown=node:node server.js ./
COPY --chown=node:node uploads/ uploads/
USER node
EXPOSE 8000
CMD ["node", "server.js"]
