FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/uploads
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
