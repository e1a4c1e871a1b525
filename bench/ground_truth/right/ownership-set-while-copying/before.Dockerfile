FROM localhost/trimtab/node:24-bookworm
WORKDIR /srv/forum
COPY server.js ./
COPY uploads/ uploads/
RUN chown -R node:node /srv/forum
USER node
EXPOSE 8000
CMD ["node", "server.js"]
