FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/notes
COPY server.py ./
RUN mkdir /var/lib/notes
VOLUME /var/lib/notes
EXPOSE 8000
CMD ["python", "server.py"]
