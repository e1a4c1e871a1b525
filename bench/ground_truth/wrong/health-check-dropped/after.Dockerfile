FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/render
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
