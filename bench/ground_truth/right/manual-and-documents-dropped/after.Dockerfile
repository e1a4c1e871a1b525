FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/words
COPY server.py ./
COPY words/ words/
EXPOSE 8000
CMD ["python", "server.py"]
