FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/words
COPY server.py ./
COPY words/ words/
COPY manual/ /usr/local/share/man/man1/
COPY docs/ /usr/local/share/doc/words/
EXPOSE 8000
CMD ["python", "server.py"]
