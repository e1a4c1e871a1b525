FROM localhost/trimtab/python:3.11-bookworm
RUN apt-get purge -y -qq tzdata && rm -rf /usr/share/zoneinfo
WORKDIR /srv/opening
COPY server.py hours.csv ./
EXPOSE 8000
CMD ["python", "server.py"]
