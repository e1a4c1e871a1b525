FROM localhost/trimtab/python:3.11-bookworm
RUN useradd --uid 1500 --create-home --shell /usr/sbin/nologin preview
WORKDIR /srv/preview
COPY server.py ./
USER preview
EXPOSE 8000
CMD ["python", "server.py"]
