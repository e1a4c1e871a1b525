FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/notes
COPY server.py ./
RUN useradd --uid 1800 --no-create-home notes && install -d -o notes -g notes /var/lib/notes
VOLUME /var/lib/notes
EXPOSE 8000
USER notes
CMD ["python", "server.py"]
