ARG BASE=localhost/trimtab/python:3.11-bookworm
FROM ${BASE}
COPY server.py /srv/app/
COPY words/ /srv/app/words/
WORKDIR /srv/app
EXPOSE 8000
CMD ["python", "server.py"]
