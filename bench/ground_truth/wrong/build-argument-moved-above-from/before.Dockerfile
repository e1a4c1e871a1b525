FROM localhost/trimtab/python:3.11-bookworm
ARG CHANNEL=stable
WORKDIR /srv/updates
RUN echo "$CHANNEL" > channel
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
