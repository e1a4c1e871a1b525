FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/app
COPY server.py ./
EXPOSE 8000
CMD exec python server.py
