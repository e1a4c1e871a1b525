FROM localhost/trimtab/python:3.11-bookworm
RUN useradd --uid 1200 meter
RUN install -d -m 700 /var/lib/meter && echo 4711 > /var/lib/meter/reading
RUN cp /bin/cat /usr/local/bin/read-meter && chmod 4755 /usr/local/bin/read-meter
WORKDIR /srv/meter
COPY server.py ./
USER meter
EXPOSE 8000
CMD ["python", "server.py"]
