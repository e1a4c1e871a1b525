FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/sealer
COPY server.py ./
USER 1000:1000
EXPOSE 8000
CMD ["python", "server.py"]
