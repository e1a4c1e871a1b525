FROM localhost/trimtab/python:3.11-bookworm
COPY server.py /srv/app/
COPY words/en.txt /srv/app/words/
COPY words/de.txt /srv/app/words/
WORKDIR /srv/app
EXPOSE 8000
CMD ["python", "server.py"]
