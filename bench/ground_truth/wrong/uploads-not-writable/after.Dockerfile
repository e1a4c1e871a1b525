FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/forum
COPY server.js ./
COPY uploads/ uploads/
USER node
EXPOSE 8000
CMD ["node", "server.js"]
