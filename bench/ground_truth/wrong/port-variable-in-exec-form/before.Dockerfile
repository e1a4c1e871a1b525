FROM localhost/trimtab/python:3.11-bookworm
ENV PORT=8000
WORKDIR /srv/hello
COPY server.py ./
EXPOSE 8000
CMD python server.py --port $PORT
