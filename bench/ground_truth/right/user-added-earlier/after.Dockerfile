FROM localhost/trimtab/python:3.11-bookworm
RUN useradd --uid 1800 --no-create-home notes && install -d -o notes -g notes /var/lib/notes
WORKDIR /srv/notes
COPY server.py ./
VOLUME /var/lib/notes
USER notes
EXPOSE 8000
CMD ["python", "server.py"]
