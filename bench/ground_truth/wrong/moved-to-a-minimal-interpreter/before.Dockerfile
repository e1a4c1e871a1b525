FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/echo
COPY server.py ./
EXPOSE 8000
CMD ["python3", "server.py"]
